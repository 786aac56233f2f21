package exchange

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meter measures the answers of the API by method and path. Its name and its unit are Consul's.
type meter struct{ answers *prometheus.HistogramVec }

func newMeter(reg prometheus.Registerer) *meter {
	if reg == nil {
		return nil
	}
	m := &meter{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "consul_api_http", Help: "Answers of the HTTP API and how long each took, in milliseconds; blocking reads with their wait.",
		Buckets: []float64{0.2, 1, 5, 25, 100, 500, 2500, 15000},
	}, []string{"method", "path"})}
	reg.MustRegister(m.answers)
	return m
}

// gauge measures one endpoint. What it writes to is looked up at the first answer alone, so that a path nobody asks for shows nowhere.
type gauge struct {
	meter        *meter
	method, path string
	answers      atomic.Pointer[prometheus.Observer]
}

// took notes an answer that was begun at a time.
func (g *gauge) took(began time.Time) {
	if g.meter == nil {
		return
	}
	o := g.answers.Load()
	if o == nil {
		found := g.meter.answers.WithLabelValues(g.method, g.path)
		o = &found
		g.answers.Store(o)
	}
	(*o).Observe(float64(time.Since(began)) / float64(time.Millisecond))
}

// label is a pattern as Consul's label of the path: /v1/agent/service/{id...} is v1_agent_service_.
func label(pattern string) string {
	var parts []string
	for part := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		if strings.HasPrefix(part, "{") {
			part = ""
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "_")
}
