package telemetry

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	metrics "github.com/hashicorp/go-metrics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// interval is how long Consul's form adds up. It is Consul's.
const interval = 10 * time.Second

// Telemetry is the daemon's metrics.
type Telemetry struct {
	host     string // put into the names of gauges in Consul's form, "" for none
	registry *prometheus.Registry
	sink     *Sink

	mu           sync.Mutex // guards following
	since        time.Time  // when the newest whole interval began
	turned       time.Time  // when it ended
	before, last snapshot   // our own packages' metrics at its beginning and at its end
}

// New makes the registry with what the runtime and the libraries have. As in Consul, the gauges of Consul's form bear the name of the host
// unless disable_hostname is set: consul.HOST.runtime.alloc_bytes. In Prometheus' form no name does, because there a label says it.
func New(host string) *Telemetry {
	t := &Telemetry{host: host, registry: prometheus.NewRegistry(), sink: NewSink()}
	t.registry.MustRegister(t.sink, goRuntime{}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t.turned = time.Now()
	t.since = t.turned
	return t
}

// Registerer is where packages register what they count.
func (t *Telemetry) Registerer() prometheus.Registerer { return t.registry }

// Install makes the libraries of this process report here.
func (t *Telemetry) Install() error {
	cfg := metrics.DefaultConfig("consul")
	cfg.EnableHostname, cfg.EnableRuntimeMetrics = false, false
	if _, err := metrics.NewGlobal(cfg, t.sink); err != nil {
		return fmt.Errorf("begin to measure: %w", err)
	}
	return nil
}

// Run turns the intervals of Consul's form until ctx ends.
func (t *Telemetry) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			t.turn(now)
		}
	}
}

// turn ends an interval.
func (t *Telemetry) turn(now time.Time) {
	for _, s := range t.sink.all() {
		s.turn()
	}
	s := t.snapshot()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.before, t.last = t.last, s
	t.since, t.turned = t.turned, now
}

// gather is every metric. One that cannot be had does not keep the others from being seen.
func (t *Telemetry) gather() []*dto.MetricFamily {
	families, _ := t.registry.Gather() // see above
	return families
}

// WriteText writes everything since the start in Prometheus' text format.
func (t *Telemetry) WriteText(w io.Writer) error {
	e := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range t.gather() {
		if err := e.Encode(f); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}
