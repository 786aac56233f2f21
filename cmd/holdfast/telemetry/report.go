package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"holdfast/httpapi/agent"
)

// snapshot is the counters and measurements of our own packages at one time, by name and labels.
type snapshot map[string]reading

// reading is one of them.
type reading struct {
	name    string
	labels  map[string]string
	counter bool
	count   uint64
	sum     float64
	buckets []*dto.Bucket
}

// snapshot reads what our own packages have counted since the start.
func (t *Telemetry) snapshot() snapshot {
	s := snapshot{}
	for _, f := range t.own() {
		for _, m := range f.GetMetric() {
			r := reading{name: dotted(f.GetName()), labels: labelsOf(m)}
			switch {
			case m.Counter != nil:
				r.counter, r.sum, r.count = true, m.Counter.GetValue(), uint64(max(0, m.Counter.GetValue()))
			case m.Histogram != nil:
				r.count, r.sum, r.buckets = m.Histogram.GetSampleCount(), m.Histogram.GetSampleSum(), m.Histogram.GetBucket()
			case m.Summary != nil:
				r.count, r.sum = m.Summary.GetSampleCount(), m.Summary.GetSampleSum()
			default:
				continue
			}
			s[r.key()] = r
		}
	}
	return s
}

// own is the metrics of our own packages and of the runtime under Consul's names. What only Prometheus knows is not in Consul's form.
func (t *Telemetry) own() []*dto.MetricFamily {
	theirs := map[string]bool{}
	for _, s := range t.sink.all() {
		theirs[prometheusName(s.name)] = true
	}
	return slices.DeleteFunc(t.gather(), func(f *dto.MetricFamily) bool {
		name := f.GetName()
		return theirs[name] || !strings.HasPrefix(name, "consul_") && !strings.HasPrefix(name, "holdfast_")
	})
}

func (r reading) key() string {
	var b strings.Builder
	b.WriteString(r.name)
	for _, k := range slices.Sorted(maps.Keys(r.labels)) {
		b.WriteString("\x00" + k + "\x00" + r.labels[k])
	}
	return b.String()
}

func labelsOf(m *dto.Metric) map[string]string {
	labels := map[string]string{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	return labels
}

// dotted is a Prometheus name as Consul's form has it: consul_state_kv_entries is consul.state.kv_entries.
func dotted(name string) string { return strings.Replace(name, "_", ".", 2) }

// Report is the newest whole interval, in Consul's form, with the gauges as they are now.
func (t *Telemetry) Report() agent.MetricsReport {
	t.mu.Lock()
	since, took, before, last := t.since, t.turned.Sub(t.since), t.before, t.last
	t.mu.Unlock()
	r := agent.MetricsReport{
		Timestamp: since.UTC().Truncate(time.Second).Format("2006-01-02 15:04:05 -0700 MST"),
		Gauges:    t.gauges(), Points: []agent.MetricsPoint{}, Counters: []agent.MetricsSample{}, Samples: []agent.MetricsSample{},
	}
	add := func(isCounter bool, s agent.MetricsSample) {
		if took > 0 {
			s.Rate = s.Sum / took.Seconds()
		}
		if isCounter {
			r.Counters = append(r.Counters, s)
		} else {
			r.Samples = append(r.Samples, s)
		}
	}
	for _, s := range t.sink.all() {
		if _, x := s.read(); s.kind != gauge && x.count > 0 {
			add(s.kind == counter, agent.MetricsSample{
				Name: s.name, Labels: s.labels, Count: x.count, Sum: x.sum, Min: x.min, Max: x.max, Mean: x.mean(), Stddev: x.stddev(),
			})
		}
	}
	for k, x := range last {
		if d, any := difference(before[k], x); any {
			add(x.counter, d)
		}
	}
	for _, rows := range [][]agent.MetricsSample{r.Counters, r.Samples} {
		slices.SortFunc(rows, func(a, b agent.MetricsSample) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), compareLabels(a.Labels, b.Labels))
		})
	}
	return r
}

// gauges is the gauges of all.
func (t *Telemetry) gauges() []agent.MetricsGauge {
	rows := []agent.MetricsGauge{}
	for _, s := range t.sink.all() {
		if v, _ := s.read(); s.kind == gauge {
			rows = append(rows, agent.MetricsGauge{Name: s.name, Value: v, Labels: s.labels})
		}
	}
	for _, f := range t.own() {
		if f.GetType() != dto.MetricType_GAUGE {
			continue
		}
		for _, m := range f.GetMetric() {
			rows = append(rows, agent.MetricsGauge{Name: dotted(f.GetName()), Value: m.Gauge.GetValue(), Labels: labelsOf(m)})
		}
	}
	if t.host != "" {
		for i, g := range rows {
			if rest, ok := strings.CutPrefix(g.Name, "consul."); ok {
				rows[i].Name = "consul." + t.host + "." + rest
			}
		}
	}
	slices.SortFunc(rows, func(a, b agent.MetricsGauge) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), compareLabels(a.Labels, b.Labels))
	})
	return rows
}

func compareLabels(a, b map[string]string) int {
	return cmp.Compare(reading{labels: a}.key(), reading{labels: b}.key())
}

// difference is what came between two readings. The least and the greatest value are those of the buckets that were hit, because a
// histogram knows no better; of a counter each step counts as one.
func difference(from, to reading) (agent.MetricsSample, bool) {
	if to.count <= from.count {
		return agent.MetricsSample{}, false
	}
	d := agent.MetricsSample{Name: to.name, Labels: to.labels, Count: to.count - from.count, Sum: to.sum - from.sum}
	d.Mean = d.Sum / float64(d.Count)
	if to.counter {
		d.Min, d.Max = 1, 1
		return d, true
	}
	d.Min, d.Max = d.Mean, d.Mean
	if lower, upper, ok := hit(from.buckets, to.buckets, d.Count); ok {
		d.Min, d.Max = min(lower, d.Mean), max(upper, d.Mean)
	}
	return d, true
}

// hit is the bounds of the lowest and the highest bucket that have grown.
func hit(from, to []*dto.Bucket, count uint64) (lower, upper float64, ok bool) {
	before := func(i int) uint64 {
		if i < len(from) {
			return from[i].GetCumulativeCount()
		}
		return 0
	}
	bound, seen := 0.0, uint64(0)
	for i, b := range to {
		grown := b.GetCumulativeCount() - before(i)
		if grown > seen {
			if !ok {
				lower, ok = bound, true
			}
			upper = b.GetUpperBound()
		}
		bound, seen = b.GetUpperBound(), grown
	}
	if seen < count { // the last are above every bound
		if !ok {
			lower, ok = bound, true
		}
		upper = bound
	}
	return lower, upper, ok
}
