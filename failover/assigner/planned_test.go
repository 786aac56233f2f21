package assigner

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/plan"
)

// planned plans a move of g as an operator does, by the log's time.
func (c *court) planned(node string, in time.Duration) {
	c.t.Helper()
	if _, err := c.Apply(c.t.Context(), cluster.WriteOptions{}, &cluster.PlanMove{Group: "g", Node: node, In: in}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *court) settled(what string) {
	c.t.Helper()
	failovertest.Eventually(c.t, what+": the plan has ended", func() bool { return c.Store.View().PlannedMove("g") == nil })
}

// TestPlannedMoveIsCarriedOut has the leader move the group when the time has come, and not before.
func TestPlannedMoveIsCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		c.send("n1").keep()
		c.holds("g", "n1")
		e2 := c.send("n2").keep()
		c.live("n2")
		const ahead = 300 * time.Millisecond
		began := time.Now()
		c.planned("n2", ahead)
		p := c.Store.View().PlannedMove("g")
		if p == nil || p.Node != "n2" || plan.Plan(c.Store.View(), plan.Question{Now: time.Now()})[0].Planned == nil {
			t.Fatalf("planned is %+v", p)
		}
		c.holds("g", "n2")
		if took := time.Since(began); took < ahead {
			t.Errorf("it was moved after %s", took)
		}
		a := c.Assignment("g")
		if a.Epoch != 2 || !a.Moved || len(a.VIPs) != 1 || a.Why != "the move that an operator planned was due: to n2" {
			t.Errorf("assigned: %+v", a)
		}
		c.settled("moved")
		failovertest.Eventually(t, "n2 is told", func() bool { return e2.knows("g", "n2") })
		if told := c.Told(cluster.TransitionPlan); len(told) != 1 || told[0] != "an operator planned to move it to n2 in 300ms" {
			t.Errorf("the timeline says %q", told)
		}
	})
}

// due has g on a machine, and planned to go to n2, before the leader comes.
func (c *court) due(holder string) {
	c.Do(failovertest.MachineOn("n1")...)
	c.Do(failovertest.MachineOn("n2")...)
	c.Assign("g", holder, false)
	c.Do(&cluster.PlanMove{Group: "g", Node: "n2", In: time.Millisecond})
	c.open()
	c.send("n1").keep()
	c.send("n2").keep()
}

// TestPlannedMoveOutlivesTheLeader plans a move under one leader; the next one, which comes late, carries it out.
func TestPlannedMoveOutlivesTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.due("n1")
		c.holds("g", "n2")
		c.settled("moved")
	})
}

// TestPlannedMoveToTheHolder has the group fail over to the machine that it was to go to anyway: there it stays, as an operator's choice.
func TestPlannedMoveToTheHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.due("n2")
		failovertest.Eventually(t, "it is pinned", func() bool { return c.Assignment("g").Moved })
		if a := c.Assignment("g"); a.Epoch != 1 || a.Node != "n2" {
			t.Errorf("assigned: %+v", a)
		}
		c.settled("pinned")
	})
}

// TestPlannedMoveIsGivenUp holds that a move which is due and impossible is not kept for later, and that the timeline says why.
func TestPlannedMoveIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		then []cluster.Command
		says string
	}{
		"not eligible": {[]cluster.Command{failovertest.NodeCheck("n2", cluster.NodeMaintenance, "", cluster.Critical, "disk")}, "the planned move to n2 was given up: it cannot hold it: the machine is in maintenance: disk"},
		"gone":         {[]cluster.Command{&cluster.Deregister{Node: "n2"}}, "the planned move to n2 was given up: it is no member any more"},
		"there":        {[]cluster.Command{&cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 2, Moved: true, VIPs: failovertest.GroupOf("g", "10.0.0.100/24").VIPs}}}, &cluster.PlanMove{Group: "g", Node: "n2", In: time.Millisecond}}, "the planned move was not necessary: n2 holds it already"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newCourt(t)
				s.Do(failovertest.MachineOn("n1")...)
				s.Do(failovertest.MachineOn("n2")...)
				s.Assign("g", "n1", false)
				s.Do(&cluster.PlanMove{Group: "g", Node: "n2", In: time.Millisecond})
				s.Do(c.then...)
				before := s.Assignment("g")
				s.open()
				s.send("n1").keep()
				if name != "gone" {
					s.send("n2").keep()
				}
				s.settled("given up")
				if told := s.Told(cluster.TransitionPlan); !slices.Contains(told, c.says) {
					t.Errorf("the timeline says %q", told)
				}
				if a := s.Assignment("g"); a.Node != before.Node || a.Epoch != before.Epoch {
					t.Errorf("it was moved all the same: %+v", a)
				}
			})
		})
	}
}
