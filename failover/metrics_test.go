package failover

import (
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
)

// TestMetrics takes a group and gives it back, and holds what is counted of it.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		m := NewMetrics(reg)
		s := newStage(t)
		s.opts.Metrics = m
		s.Assign("g", "n1", false)
		s.start().serves()
		s.renewsAgain(2)
		failovertest.Eventually(t, "the group is counted", func() bool { return testutil.ToFloat64(m.held) == 1 })
		s.Assign("g", "n2", false)
		failovertest.Eventually(t, "the group is gone", func() bool { return s.has("forget 10.0.0.100") && testutil.ToFloat64(m.held) == 0 })
		for name, c := range map[string]prometheus.Counter{
			"renewals": m.renewals, "grants": m.grants, "opens": m.opens, "shuts": m.shuts,
			"acquired": m.transitions.WithLabelValues("acquire"), "released": m.transitions.WithLabelValues("release"),
		} {
			if testutil.ToFloat64(c) < 1 {
				t.Errorf("%s: nothing is counted", name)
			}
		}
		if n := testutil.ToFloat64(m.transitions.WithLabelValues("acquire")); n != 1 {
			t.Errorf("%v takeovers, want 1", n)
		}
		if testutil.ToFloat64(m.moves) != 0 {
			t.Error("a member that does not lead has moved something")
		}
		m.Steered(&cluster.Steer{Assignments: make([]cluster.Assignment, 2), Transitions: []cluster.Transition{{Kind: cluster.TransitionAssign}}})
		if testutil.ToFloat64(m.moves) != 2 || testutil.ToFloat64(m.transitions.WithLabelValues("assign")) != 1 {
			t.Error("what the leader commits is not counted")
		}
		if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
			t.Errorf("the metrics are not as Prometheus would have them: %v, %v", problems, err)
		}
	})
}
