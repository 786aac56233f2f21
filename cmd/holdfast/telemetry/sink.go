package telemetry

import (
	"strings"
	"sync"

	metrics "github.com/hashicorp/go-metrics"
	"github.com/prometheus/client_golang/prometheus"
)

// kind says what a series of the libraries is.
type kind uint8

const (
	gauge kind = iota
	counter
	sample
)

// Sink takes in what libraries report to go-metrics. It is a Prometheus collector.
type Sink struct {
	mu     sync.RWMutex // guards following; the series have locks of their own
	series map[string]*series
}

// NewSink makes an empty sink.
func NewSink() *Sink { return &Sink{series: map[string]*series{}} }

// maxSeries bounds the series: a library that makes up names without end must not eat the memory.
const maxSeries = 4096

// keySpace is the length of a key that needs no memory of its own.
const keySpace = 256

// of is the series of a key and labels, new where it is not known.
func (s *Sink) of(k kind, key []string, labels []metrics.Label) *series {
	var space [keySpace]byte
	b := append(space[:0], byte(k))
	for _, part := range key {
		b = append(append(b, part...), 0)
	}
	for _, l := range labels {
		b = append(append(append(append(b, 1), l.Name...), 2), l.Value...)
	}
	s.mu.RLock()
	x := s.series[string(b)]
	s.mu.RUnlock()
	if x != nil {
		return x
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if x = s.series[string(b)]; x != nil {
		return x
	}
	x = newSeries(k, key, labels)
	if len(s.series) < maxSeries {
		s.series[string(b)] = x
	}
	return x
}

// all is the series, in no order.
func (s *Sink) all() []*series {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*series, 0, len(s.series))
	for _, x := range s.series {
		out = append(out, x)
	}
	return out
}

// Describe says nothing: what libraries report is not known before they do.
func (s *Sink) Describe(chan<- *prometheus.Desc) {}

// Collect reports every series.
func (s *Sink) Collect(out chan<- prometheus.Metric) {
	for _, x := range s.all() {
		if m, err := x.metric(); err == nil { // one that Prometheus has no name for is left out
			out <- m
		}
	}
}

// The methods of go-metrics' sink.

// SetGauge takes a gauge.
func (s *Sink) SetGauge(key []string, v float32) { s.of(gauge, key, nil).set(float64(v)) }

// SetGaugeWithLabels takes a gauge.
func (s *Sink) SetGaugeWithLabels(key []string, v float32, l []metrics.Label) {
	s.of(gauge, key, l).set(float64(v))
}

// SetPrecisionGauge takes a gauge.
func (s *Sink) SetPrecisionGauge(key []string, v float64) { s.of(gauge, key, nil).set(v) }

// SetPrecisionGaugeWithLabels takes a gauge.
func (s *Sink) SetPrecisionGaugeWithLabels(key []string, v float64, l []metrics.Label) {
	s.of(gauge, key, l).set(v)
}

// EmitKey takes nothing: it is a value without a meaning over time.
func (s *Sink) EmitKey([]string, float32) {}

// IncrCounter adds to a counter.
func (s *Sink) IncrCounter(key []string, v float32) { s.of(counter, key, nil).add(float64(v)) }

// IncrCounterWithLabels adds to a counter.
func (s *Sink) IncrCounterWithLabels(key []string, v float32, l []metrics.Label) {
	s.of(counter, key, l).add(float64(v))
}

// AddSample takes a measurement.
func (s *Sink) AddSample(key []string, v float32) { s.of(sample, key, nil).add(float64(v)) }

// AddSampleWithLabels takes a measurement.
func (s *Sink) AddSampleWithLabels(key []string, v float32, l []metrics.Label) {
	s.of(sample, key, l).add(float64(v))
}

// prometheusName is a name with what Prometheus does not allow replaced.
func prometheusName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == ':' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
}
