package failover

import (
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/cluster"
	"holdfast/failover/fence"
)

// Metrics counts what failover does. One serves the controller and every assigner of a process. A nil Metrics counts nothing.
type Metrics struct {
	renewals    prometheus.Counter
	grants      prometheus.Counter
	refusals    prometheus.Counter
	opens       prometheus.Counter
	shuts       prometheus.Counter
	moves       prometheus.Counter
	transitions *prometheus.CounterVec
	takeovers   prometheus.Histogram
	held        prometheus.Gauge
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	m := &Metrics{
		renewals: counter("holdfast_lease_renewals_total", "Messages to the leader that renew what this machine holds."),
		grants:   counter("holdfast_lease_grants_total", "Leases that the leader has granted to this machine; each renewal of each group counts."),
		refusals: counter("holdfast_lease_refusals_total", "Leases that the leader has refused to this machine."),
		opens:    counter("holdfast_fence_opens_total", "Addresses that were opened in the fence, or kept open, until a deadline."),
		shuts:    counter("holdfast_fence_shuts_total", "Addresses that were shut in the fence before their deadline."),
		moves:    counter("holdfast_failover_moves_total", "Assignments that this member has committed as the leader."),
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_failover_transitions_total", Help: "What this member has written to the timeline, by kind.",
		}, []string{"kind"}),
		takeovers: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "holdfast_failover_takeover_seconds", Help: "From hearing of an assignment to having announced its addresses.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5},
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "holdfast_failover_groups_serving", Help: "Groups that this machine serves now."}),
	}
	reg.MustRegister(m.transitions, m.takeovers, m.held)
	return m
}

// renewed notes a message that renews.
func (m *Metrics) renewed() {
	if m != nil {
		m.renewals.Inc()
	}
}

// answered notes what the leader has granted and refused.
func (m *Metrics) answered(granted, refused int) {
	if m != nil {
		m.grants.Add(float64(granted))
		m.refusals.Add(float64(refused))
	}
}

// Steered notes what this member has committed as the leader.
func (m *Metrics) Steered(cmd *cluster.Steer) {
	if m == nil {
		return
	}
	m.moves.Add(float64(len(cmd.Assignments)))
	for i := range cmd.Transitions {
		m.recorded(&cmd.Transitions[i])
	}
}

// recorded notes an entry of the timeline.
func (m *Metrics) recorded(t *cluster.Transition) {
	if m == nil {
		return
	}
	m.transitions.WithLabelValues(string(t.Kind)).Inc()
	if t.Kind == cluster.TransitionAcquire {
		m.takeovers.Observe(t.Took.Seconds())
	}
}

// serving notes how many groups this machine serves.
func (m *Metrics) serving(groups int) {
	if m != nil {
		m.held.Set(float64(groups))
	}
}

// counting is a fence whose openings and closings are counted.
func (m *Metrics) counting(f Fence) Fence {
	if m == nil {
		return f
	}
	return countedFence{f, m}
}

type countedFence struct {
	Fence
	metrics *Metrics
}

// Open lets an address be served until the deadline.
func (f countedFence) Open(addr netip.Addr, deadline fence.Boottime) error {
	f.metrics.opens.Inc()
	return f.Fence.Open(addr, deadline)
}

// Shut closes an address now.
func (f countedFence) Shut(addr netip.Addr) error {
	f.metrics.shuts.Inc()
	return f.Fence.Shut(addr)
}
