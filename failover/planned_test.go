package failover

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// planned plans a move of g as an operator does, by the log's time.
func (c *court) planned(node string, in time.Duration) {
	c.t.Helper()
	if _, err := NewOperator(c.cell, nil).PlanMove(c.t.Context(), cluster.WriteOptions{}, "g", node, in); err != nil {
		c.t.Fatal(err)
	}
}

func (c *court) settled(what string) {
	c.t.Helper()
	eventually(c.t, what+": the plan has ended", func() bool { return c.store.View().PlannedMove("g") == nil })
}

// TestPlannedMoveIsCarriedOut has the leader move the group when the time has come, and not before.
func TestPlannedMoveIsCarriedOut(t *testing.T) {
	c := newCourt(t).open()
	c.send("n1").keep()
	c.holds("g", "n1")
	e2 := c.send("n2").keep()
	c.live("n2")
	const ahead = 300 * time.Millisecond
	began := time.Now()
	c.planned("N2", ahead)
	p := c.store.View().PlannedMove("g")
	if p == nil || p.Node != "n2" || Plan(c.store.View())[0].Planned == nil {
		t.Fatalf("planned is %+v", p)
	}
	c.holds("g", "n2")
	if took := time.Since(began); took < ahead {
		t.Errorf("it was moved after %s", took)
	}
	a := c.assignment("g")
	if a.Epoch != 2 || !a.Moved || len(a.VIPs) != 1 || a.Why != "the move that an operator planned was due: to n2" {
		t.Errorf("assigned: %+v", a)
	}
	c.settled("moved")
	eventually(t, "n2 is told", func() bool { return e2.knows("g", "n2") })
	if told := c.told(cluster.TransitionPlan); len(told) != 1 || told[0] != "an operator planned to move it to n2 in 300ms" {
		t.Errorf("the timeline says %q", told)
	}
}

// TestPlannedMoveOutlivesTheLeader plans a move under one leader; the next one, which comes late, carries it out.
func TestPlannedMoveOutlivesTheLeader(t *testing.T) {
	c := newCourt(t)
	c.do(machineOn("n1")...)
	c.do(machineOn("n2")...)
	c.assign("g", "n1", false)
	c.do(&cluster.PlanMove{Group: "g", Node: "n2", In: time.Millisecond})
	c.open()
	c.send("n1").keep()
	c.send("n2").keep()
	c.holds("g", "n2")
	c.settled("moved")
}

// TestPlannedMoveToTheHolder has the group fail over to the machine that it was to go to anyway: there it stays, as an operator's choice.
func TestPlannedMoveToTheHolder(t *testing.T) {
	c := newCourt(t)
	c.do(machineOn("n1")...)
	c.do(machineOn("n2")...)
	c.assign("g", "n2", false)
	c.do(&cluster.PlanMove{Group: "g", Node: "n2", In: time.Millisecond})
	c.open()
	c.send("n1").keep()
	c.send("n2").keep()
	eventually(t, "it is pinned", func() bool { return c.assignment("g").Moved })
	if a := c.assignment("g"); a.Epoch != 1 || a.Node != "n2" {
		t.Errorf("assigned: %+v", a)
	}
	c.settled("pinned")
}

// TestPlannedMoveIsGivenUp holds that a move which is due and impossible is not kept for later, and that the timeline says why.
func TestPlannedMoveIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		then []cluster.Command
		says string
	}{
		"not eligible": {[]cluster.Command{nodeCheck("n2", cluster.NodeMaintenance, "", cluster.Critical, "disk")}, "the planned move to n2 was given up: it cannot hold it: the machine is in maintenance: disk"},
		"gone":         {[]cluster.Command{&cluster.Deregister{Node: "n2"}}, "the planned move to n2 was given up: it is no member any more"},
		"there":        {[]cluster.Command{&cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 2, Moved: true, VIPs: groupOf("g", "10.0.0.100/24").VIPs}}}, &cluster.PlanMove{Group: "g", Node: "n2", In: time.Millisecond}}, "the planned move was not necessary: n2 holds it already"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCourt(t)
			s.do(machineOn("n1")...)
			s.do(machineOn("n2")...)
			s.assign("g", "n1", false)
			s.do(&cluster.PlanMove{Group: "g", Node: "n2", In: time.Millisecond})
			s.do(c.then...)
			before := s.assignment("g")
			s.open()
			s.send("n1").keep()
			if name != "gone" {
				s.send("n2").keep()
			}
			s.settled("given up")
			if told := s.told(cluster.TransitionPlan); !slices.Contains(told, c.says) {
				t.Errorf("the timeline says %q", told)
			}
			if a := s.assignment("g"); a.Node != before.Node || a.Epoch != before.Epoch {
				t.Errorf("it was moved all the same: %+v", a)
			}
		})
	}
}

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
		{"not eligible", []cluster.Command{presenceOf("n2", false, "it is lost")}, "g", "n2", time.Minute, cluster.Conflict, "n2 cannot hold g: it is lost"},
		{"too far ahead", nil, "g", "n2", 1000 * time.Hour, cluster.Invalid, "want more than 0s and at most 168h0m0s"},
		{"in the past", nil, "g", "n2", -time.Second, cluster.Invalid, "want more than 0s"},
		{"there already", []cluster.Command{&cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 2, Moved: true}}}}, "g", "n2", time.Minute, cluster.Conflict, "g is on n2 already, where an operator moved it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, o := desk(t)
			s.do(c.state...)
			_, err := o.PlanMove(t.Context(), cluster.WriteOptions{}, c.group, c.node, c.in)
			if err == nil || cluster.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%v)", err, cluster.CodeOf(err))
			}
			if p := s.store.View().PlannedMove("g"); p != nil {
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
		if _, err := o.Move(t.Context(), cluster.WriteOptions{}, "g", node); err != nil || s.store.View().PlannedMove("g") != nil {
			t.Errorf("moved to %s: %v, planned is %+v", node, err, s.store.View().PlannedMove("g"))
		}
	}
	plan()
	if err := o.CancelMove(t.Context(), cluster.WriteOptions{}, "g"); err != nil || s.store.View().PlannedMove("g") != nil {
		t.Errorf("called off: %v", err)
	}
	if err := o.CancelMove(t.Context(), cluster.WriteOptions{}, "g"); cluster.CodeOf(err) != cluster.NotFound {
		t.Errorf("called off twice: %v", err)
	}
}
