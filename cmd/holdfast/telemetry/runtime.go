package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// goRuntime reports the Go runtime under Consul's names. It looks when it is asked.
type goRuntime struct{}

func runtimeDesc(name string) *prometheus.Desc {
	return prometheus.NewDesc("consul_runtime_"+name, "consul.runtime."+name, nil, nil)
}

// Describe says nothing: Collect says all there is.
func (goRuntime) Describe(chan<- *prometheus.Desc) {}

// Collect reports the runtime.
func (goRuntime) Collect(out chan<- prometheus.Metric) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for name, v := range map[string]float64{
		"num_goroutines": float64(runtime.NumGoroutine()), "alloc_bytes": float64(m.Alloc), "sys_bytes": float64(m.Sys), "malloc_count": float64(m.Mallocs),
		"free_count": float64(m.Frees), "heap_objects": float64(m.HeapObjects), "total_gc_pause_ns": float64(m.PauseTotalNs), "total_gc_runs": float64(m.NumGC),
	} {
		out <- prometheus.MustNewConstMetric(runtimeDesc(name), prometheus.GaugeValue, v)
	}
}
