package telemetry

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metrics "github.com/hashicorp/go-metrics"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast/httpapi/agent"
)

// library is a library's view of go-metrics with the telemetry as its sink.
func library(t *testing.T, to *Telemetry) *metrics.Metrics {
	t.Helper()
	cfg := metrics.DefaultConfig("consul")
	cfg.EnableHostname, cfg.EnableRuntimeMetrics = false, false
	m, err := metrics.New(cfg, to.sink)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func text(t *testing.T, to *Telemetry) string {
	t.Helper()
	var b strings.Builder
	if err := to.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains("\n"+text, "\n"+l+"\n") {
			t.Errorf("there is no line %q in\n%s", l, text)
		}
	}
}

// TestLibraries holds how what raft and memberlist report comes out for Prometheus.
func TestLibraries(t *testing.T) {
	to := New("")
	m := library(t, to)
	m.IncrCounter([]string{"raft", "apply"}, 2)
	m.IncrCounter([]string{"raft", "apply"}, 1)
	m.AddSample([]string{"raft", "commitTime"}, 1.5)
	m.AddSample([]string{"raft", "commitTime"}, 2.5)
	m.SetGauge([]string{"raft", "last-index"}, 7)
	m.SetGauge([]string{"raft", "last-index"}, 8)
	m.AddSampleWithLabels([]string{"raft", "replication"}, 3, []metrics.Label{{Name: "peer-id", Value: "a\"\xff"}})
	m.SetPrecisionGauge([]string{"boot"}, 1e15+1)
	m.EmitKey([]string{"x"}, 1)
	got := text(t, to)
	wantLines(t, got,
		"consul_raft_apply 3", "consul_raft_commitTime_count 2", "consul_raft_commitTime_sum 4", "consul_raft_last_index 8", "# TYPE consul_raft_apply counter",
		`consul_raft_replication_sum{peer_id="a\"`+"\uFFFD"+`"} 3`, "consul_boot 1.000000000000001e+15",
	)
	for _, name := range []string{"consul_runtime_num_goroutines", "consul_runtime_alloc_bytes", "process_open_fds", "go_goroutines"} {
		if !strings.Contains(got, "\n"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
}

// rows are the rows of a report with these beginnings of names.
func rows(list []agent.MetricsSample, prefix string) []agent.MetricsSample {
	return slices.DeleteFunc(slices.Clone(list), func(s agent.MetricsSample) bool { return !strings.HasPrefix(s.Name, prefix) })
}

// TestReport holds Consul's form: the newest whole interval, and nothing of the one that runs.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := New("")
		m := library(t, to)
		own := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "consul_api_http", Buckets: []float64{1, 10, 100}}, []string{"method"})
		moves := prometheus.NewCounter(prometheus.CounterOpts{Name: "holdfast_failover_moves_total"})
		held := prometheus.NewGauge(prometheus.GaugeOpts{Name: "holdfast_failover_groups_held"})
		to.Registerer().MustRegister(own, moves, held)
		go to.Run(t.Context())
		synctest.Wait()
		began := time.Now()
		held.Set(2)
		m.SetGauge([]string{"raft", "peers"}, 3)
		for _, v := range []float32{2, 4, 6} {
			m.IncrCounter([]string{"raft", "apply"}, 1)
			m.AddSample([]string{"raft", "commitTime"}, v)
			own.WithLabelValues("GET").Observe(float64(v))
			moves.Inc()
		}
		if r := to.Report(); len(r.Counters)+len(r.Samples) > 0 {
			t.Errorf("an interval that is not over shows: %+v", r)
		}
		time.Sleep(interval) //nolint:forbidigo // the clock of a bubble
		synctest.Wait()
		own.WithLabelValues("PUT").Observe(1000) // of the next interval
		r := to.Report()
		if want := began.UTC().Format("2006-01-02 15:04:05 -0700 MST"); r.Timestamp != want {
			t.Errorf("the interval began at %s, want %s", r.Timestamp, want)
		}
		none := map[string]string{}
		if d := cmp.Diff([]agent.MetricsSample{
			{Name: "consul.raft.apply", Count: 3, Rate: 0.3, Sum: 3, Min: 1, Max: 1, Mean: 1, Labels: none},
			{Name: "holdfast.failover.moves_total", Count: 3, Rate: 0.3, Sum: 3, Min: 1, Max: 1, Mean: 1, Labels: none},
		}, append(rows(r.Counters, "consul."), rows(r.Counters, "holdfast.")...)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]agent.MetricsSample{
			{Name: "consul.api.http", Count: 3, Rate: 1.2, Sum: 12, Min: 1, Max: 10, Mean: 4, Labels: map[string]string{"method": "GET"}},
			{Name: "consul.raft.commitTime", Count: 3, Rate: 1.2, Sum: 12, Min: 2, Max: 6, Mean: 4, Stddev: 2, Labels: none},
		}, rows(r.Samples, "consul.")); d != "" {
			t.Error(d)
		}
		gauges := map[string]float64{}
		for _, g := range r.Gauges {
			gauges[g.Name] = g.Value
		}
		if gauges["consul.raft.peers"] != 3 || gauges["holdfast.failover.groups_held"] != 2 || gauges["consul.runtime.alloc_bytes"] == 0 {
			t.Errorf("gauges are %v", gauges)
		}
		time.Sleep(interval) //nolint:forbidigo // the clock of a bubble
		synctest.Wait()
		r = to.Report()
		if got := rows(r.Samples, "consul."); len(got) != 1 || got[0].Labels["method"] != "PUT" || got[0].Max != 1000 || got[0].Min != 100 {
			t.Errorf("the next interval has %+v", got)
		}
		if len(rows(r.Counters, "consul.")) > 0 {
			t.Errorf("the next interval has %+v", r.Counters)
		}
	})
}

// TestHostname holds where the name of the host stands: in Consul's form, in the names of its gauges alone.
func TestHostname(t *testing.T) {
	to := New("h1")
	library(t, to).SetGauge([]string{"raft", "peers"}, 3)
	to.Registerer().MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "holdfast_failover_groups_serving"}))
	var names []string
	for _, g := range to.Report().Gauges {
		names = append(names, g.Name)
	}
	for _, want := range []string{"consul.h1.raft.peers", "consul.h1.runtime.alloc_bytes", "holdfast.failover.groups_serving"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no %s in %q", want, names)
		}
	}
	wantLines(t, text(t, to), "consul_raft_peers 3")
}

func TestTally(t *testing.T) {
	var x tally
	if x.mean() != 0 || x.stddev() != 0 {
		t.Error("nothing has a mean")
	}
	for _, v := range []float64{2, 4, 4, 4, 5, 5, 7, 9} {
		x.add(v)
	}
	if x.mean() != 5 || math.Abs(x.stddev()-2.138) > 0.001 || x.min != 2 || x.max != 9 || x.count != 8 {
		t.Errorf("%+v, mean %f, deviation %f", x, x.mean(), x.stddev())
	}
}

// TestManySeries holds that names without end do not eat the memory.
func TestManySeries(t *testing.T) {
	s := NewSink()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range maxSeries {
				s.IncrCounter([]string{"x", strconv.Itoa(i + g*maxSeries/2)}, 1)
			}
		})
	}
	wg.Wait()
	if n := len(s.all()); n != maxSeries {
		t.Errorf("%d series are kept, want %d", n, maxSeries)
	}
}

func BenchmarkSink(b *testing.B) {
	s := NewSink()
	key := []string{"consul", "raft", "commitTime"}
	b.ReportAllocs()
	for b.Loop() {
		s.AddSample(key, 1)
	}
}
