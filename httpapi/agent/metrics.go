package agent

import (
	"bytes"
	"io"
	"net/http"

	"holdfast/httpapi/exchange"
)

// Metrics is what the agent counts and measures.
type Metrics interface {
	// Report is the newest whole interval.
	Report() MetricsReport
	// WriteText writes everything since the start in Prometheus' text format.
	WriteText(w io.Writer) error
}

// MetricsReport is the answer of agent/metrics: an interval of some seconds, in the form of Consul's.
type MetricsReport struct {
	Timestamp string // the beginning of the interval
	Gauges    []MetricsGauge
	Points    []MetricsPoint
	Counters  []MetricsSample
	Samples   []MetricsSample
}

// MetricsGauge is a value as it was last.
type MetricsGauge struct {
	Name   string
	Value  float64
	Labels map[string]string
}

// MetricsPoint is a name with values. There are none; the field is Consul's.
type MetricsPoint struct {
	Name   string
	Points []float64
}

// MetricsSample is what was counted or measured in the interval.
type MetricsSample struct {
	Name                   string
	Count                  uint64
	Rate                   float64 // the sum by seconds
	Sum                    float64
	Min, Max, Mean, Stddev float64
	Labels                 map[string]string
}

// metricsHandler answers what the agent counts and measures.
type metricsHandler struct{ metrics Metrics }

func (h *metricsHandler) routes() exchange.Routes {
	return exchange.Routes{"/v1/agent/metrics": {http.MethodGet: h.get}}
}

// textFormat is the content type of Prometheus' text format.
const textFormat = "text/plain; version=0.0.4; charset=utf-8"

func (h *metricsHandler) get(r *exchange.Request) (*exchange.Reply, error) {
	if r.Query.Get("format") != "prometheus" {
		return exchange.Answer(h.metrics.Report())
	}
	var b bytes.Buffer
	if err := h.metrics.WriteText(&b); err != nil {
		return nil, err
	}
	return &exchange.Reply{Raw: b.Bytes(), ContentType: textFormat}, nil
}
