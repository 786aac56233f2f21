package telemetry

import (
	"math"
	"strings"
	"sync"

	metrics "github.com/hashicorp/go-metrics"
	"github.com/prometheus/client_golang/prometheus"
)

// series is one metric of a library, with one set of labels.
type series struct {
	kind   kind
	name   string // with dots, as Consul's form has it
	labels map[string]string
	desc   *prometheus.Desc
	values []string // of the labels, in the order of desc

	mu    sync.Mutex // guards following
	value float64    // of a gauge
	total tally      // since the start
	now   tally      // of the interval that runs
	last  tally      // of the newest whole interval
}

// tally is what was added in some time.
type tally struct {
	count    uint64
	sum      float64
	squares  float64 // the sum of the squares
	min, max float64
}

func newSeries(k kind, key []string, labels []metrics.Label) *series {
	s := &series{kind: k, name: strings.Join(key, "."), labels: map[string]string{}}
	var names []string
	for _, l := range labels {
		s.labels[l.Name] = l.Value
		names = append(names, prometheusName(l.Name))
		s.values = append(s.values, strings.ToValidUTF8(l.Value, "\uFFFD"))
	}
	s.desc = prometheus.NewDesc(prometheusName(strings.Join(key, "_")), s.name, names, nil)
	return s
}

func (s *series) set(v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value = v
}

func (s *series) add(v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.add(v)
	s.now.add(v)
}

// turn begins the next interval.
func (s *series) turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.now = s.now, tally{}
}

// read is the value of a gauge and the newest whole interval.
func (s *series) read() (float64, tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value, s.last
}

// metric is the series as Prometheus has it: everything since the start.
func (s *series) metric() (prometheus.Metric, error) {
	s.mu.Lock()
	value, total := s.value, s.total
	s.mu.Unlock()
	switch s.kind {
	case counter:
		return prometheus.NewConstMetric(s.desc, prometheus.CounterValue, total.sum, s.values...)
	case sample:
		return prometheus.NewConstSummary(s.desc, total.count, total.sum, nil, s.values...)
	}
	return prometheus.NewConstMetric(s.desc, prometheus.GaugeValue, value, s.values...)
}

func (t *tally) add(v float64) {
	if t.count == 0 {
		t.min, t.max = v, v
	}
	t.count++
	t.sum += v
	t.squares += v * v
	t.min, t.max = min(t.min, v), max(t.max, v)
}

func (t *tally) mean() float64 {
	if t.count == 0 {
		return 0
	}
	return t.sum / float64(t.count)
}

func (t *tally) stddev() float64 {
	if t.count < 2 {
		return 0
	}
	n := float64(t.count)
	return math.Sqrt(max(0, (n*t.squares-t.sum*t.sum)/(n*(n-1)))) // above zero, whatever rounding says
}
