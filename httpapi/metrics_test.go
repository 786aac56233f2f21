package httpapi

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"holdfast/httpapi/agent"
)

// metrics is an agent's metrics as they may be.
type metrics struct{}

func (metrics) Report() agent.MetricsReport {
	none := map[string]string{}
	return agent.MetricsReport{
		Timestamp: "2026-11-24 03:00:00 +0000 UTC", Gauges: []agent.MetricsGauge{{Name: "consul.runtime.num_goroutines", Value: 72, Labels: none}}, Points: []agent.MetricsPoint{},
		Counters: []agent.MetricsSample{{Name: "consul.raft.apply", Count: 3, Rate: 0.3, Sum: 3, Min: 1, Max: 1, Mean: 1, Labels: none}},
		Samples:  []agent.MetricsSample{{Name: "consul.api.http", Count: 2, Rate: 1, Sum: 10, Min: 4, Max: 6, Mean: 5, Stddev: 1.5, Labels: map[string]string{"method": "GET"}}},
	}
}

func (metrics) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, "# TYPE consul_raft_apply counter\nconsul_raft_apply 3\n")
	return err
}

// TestAnswersAreCounted holds the names and labels under which Consul's dashboards look for the API.
func TestAnswersAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newMember().populate(t).handler(func(c *Config) { c.Registerer = reg })
	for _, line := range []string{
		"GET /v1/kv/a", "GET /v1/kv/none", "HEAD /v1/kv/a", "PUT /v1/kv/a", "GET /v1/agent/service/web-1", "GET /v1/agent/self?index=x", "GET /v1/nothing", "POST /v1/agent/self",
	} {
		send(t, h, line, "")
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, m := range families[0].GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetValue())
		}
		got[strings.Join(labels, " ")] = m.Histogram.GetSampleCount()
	}
	want := map[string]uint64{"GET v1_kv_": 3, "PUT v1_kv_": 1, "GET v1_agent_service_": 1, "GET v1_agent_self": 1}
	if len(got) != len(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s is counted %d times, want %d", k, got[k], n)
		}
	}
	if n := testutil.CollectAndCount(reg, "consul_api_http"); n != len(want) {
		t.Errorf("%d series of consul_api_http, want %d", n, len(want))
	}
}

func BenchmarkCountedAnswer(b *testing.B) {
	h := newMember().populate(b).handler(func(c *Config) { c.Registerer = prometheus.NewRegistry() })
	r, err := http.NewRequest(http.MethodGet, "/v1/status/leader", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(nobody{http.Header{}}, r)
	}
}

// nobody is a client that reads nothing.
type nobody struct{ h http.Header }

func (n nobody) Header() http.Header         { return n.h }
func (n nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n nobody) WriteHeader(int)             {}
