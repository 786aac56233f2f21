package operator

import (
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
)

func TestPlanMoveRefuses(t *testing.T) {
	for _, c := range []struct {
		name        string
		state       []cluster.Command
		group, node string
		in          time.Duration
		code        cluster.Code
		says        string
	}{
		{"no group", nil, "none", "n2", time.Minute, cluster.NotFound, `there is no group "none"`},
		{"no machine", nil, "g", "n9", time.Minute, cluster.NotFound, `there is no machine "n9"`},
		{"not eligible", []cluster.Command{failovertest.PresenceOf("n2", false, "it is lost")}, "g", "n2", time.Minute, cluster.Conflict, "n2 cannot hold g: it is lost"},
		{"too far ahead", nil, "g", "n2", 1000 * time.Hour, cluster.Invalid, "want more than 0s and at most 168h0m0s"},
		{"in the past", nil, "g", "n2", -time.Second, cluster.Invalid, "want more than 0s"},
		{"there already", []cluster.Command{&cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 2, Moved: true}}}}, "g", "n2", time.Minute, cluster.Conflict, "g is on n2 already, where an operator moved it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, o := desk(t)
			s.Do(c.state...)
			_, err := o.PlanMove(t.Context(), cluster.WriteOptions{}, c.group, c.node, c.in)
			if err == nil || cluster.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%v)", err, cluster.CodeOf(err))
			}
			if p := s.Store.View().PlannedMove("g"); p != nil {
				t.Errorf("it is planned all the same: %+v", p)
			}
		})
	}
}

// TestMoveEndsAPlan holds that the operator's last word counts.
func TestMoveEndsAPlan(t *testing.T) {
	s, o := desk(t)
	plan := func() {
		t.Helper()
		if p, err := o.PlanMove(t.Context(), cluster.WriteOptions{}, "g", "n2", time.Minute); err != nil || p.Node != "n2" || time.Until(p.At) < 50*time.Second {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	for _, node := range []string{"n1", "n1", "n3"} { // it is pinned, it is pinned already, it goes elsewhere
		plan()
		if _, err := o.Move(t.Context(), cluster.WriteOptions{}, "g", node); err != nil || s.Store.View().PlannedMove("g") != nil {
			t.Errorf("moved to %s: %v, planned is %+v", node, err, s.Store.View().PlannedMove("g"))
		}
	}
	plan()
	if err := o.CancelMove(t.Context(), cluster.WriteOptions{}, "g"); err != nil || s.Store.View().PlannedMove("g") != nil {
		t.Errorf("called off: %v", err)
	}
	if err := o.CancelMove(t.Context(), cluster.WriteOptions{}, "g"); cluster.CodeOf(err) != cluster.NotFound {
		t.Errorf("called off twice: %v", err)
	}
}
