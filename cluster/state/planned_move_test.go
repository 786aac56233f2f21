package state

import (
	"testing"
	"time"

	"holdfast/cluster"
)

// TestPlannedMove follows a planned move through what leaves it as it is, and holds what ends it.
func TestPlannedMove(t *testing.T) {
	plan := &cluster.PlanMove{Group: "g", Node: "n2", In: time.Minute}
	for name, c := range map[string]struct {
		then  []cluster.Command
		stays bool
	}{
		"nothing else":                     {nil, true},
		"the holder fails":                 {[]cluster.Command{assign("g", "n3", 2)}, true},
		"the addresses change":             {[]cluster.Command{&cluster.PutGroup{Group: group("g", "10.0.0.105/24")}}, true},
		"another group goes":               {[]cluster.Command{&cluster.DeleteGroup{Name: "h"}}, true},
		"a refused assignment":             {[]cluster.Command{moved("n2", 1)}, true},
		"it is done":                       {[]cluster.Command{moved("n2", 2)}, false},
		"an operator moves it now":         {[]cluster.Command{moved("n3", 2)}, false},
		"an operator keeps it":             {[]cluster.Command{moved("n1", 1)}, false},
		"it is called off":                 {[]cluster.Command{&cluster.PlanMove{Group: "g", Why: "called off"}}, false},
		"the group goes":                   {[]cluster.Command{&cluster.DeleteGroup{Name: "g"}}, false},
		"the group goes and comes back":    {[]cluster.Command{&cluster.DeleteGroup{Name: "g"}, &cluster.PutGroup{Group: group("g", "10.0.0.100/24")}}, false},
		"it was moved there, now and then": {[]cluster.Command{moved("n2", 2), plan, moved("n2", 3)}, true}, // other addresses, not another choice
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.do(&cluster.PutGroup{Group: group("g", "10.0.0.100/24")})
			w.do(&cluster.PutGroup{Group: group("h", "10.0.0.101/24")})
			w.do(assign("g", "n1", 1))
			w.do(plan)
			p := w.View().PlannedMove("g")
			if p == nil || p.Node != "n2" || !p.At.Equal(w.now.Add(time.Minute)) || p.ModifyIndex != w.index {
				t.Fatalf("planned is %+v at %s", p, w.now)
			}
			for _, c := range c.then {
				w.Apply([]Entry{{Index: w.index + 1, Time: w.now, Command: c}})
				w.index++
			}
			if p := w.View().PlannedMove("g"); (p != nil) != c.stays {
				t.Errorf("planned is %+v", p)
			}
		})
	}
}

// moved is the assignment by which an operator has g on a machine.
func moved(node string, epoch uint64) *cluster.Steer {
	return &cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: node, Epoch: epoch, Moved: true}}}
}

func TestPlanMoveRefuses(t *testing.T) {
	w := settled(t)
	w.refused(&cluster.PlanMove{Group: "none", Node: "n1", In: time.Second}, cluster.NotFound, `there is no group "none"`)
	w.refused(&cluster.PlanMove{Group: "h"}, cluster.NotFound, `no move of group "h" is planned`)
	w.refused(&cluster.PlanMove{Group: "h", Node: "n1"}, cluster.Invalid, "cannot be planned 0s ahead")
	w.refused(&cluster.PlanMove{Group: "h", Node: "n1", In: -1}, cluster.Invalid, "want more than 0s and at most 168h0m0s")
	w.refused(&cluster.PlanMove{Group: "h", Node: "n1", In: cluster.MaxPlanAhead + 1}, cluster.Invalid, "at most 168h0m0s")
}

// TestSupersedeKeepsPlannedMoves has an operator restore a snapshot: what is planned now stays, where the group does.
func TestSupersedeKeepsPlannedMoves(t *testing.T) {
	then, now := newWorld(t), newWorld(t)
	for _, w := range []*world{then, now} {
		w.do(&cluster.PutGroup{Group: group("g", "10.0.0.100/24")})
		w.do(&cluster.PutGroup{Group: group("h", "10.0.0.101/24")})
	}
	now.do(&cluster.PutGroup{Group: group("i", "10.0.0.102/24")})
	then.do(&cluster.PlanMove{Group: "g", Node: "n1", In: time.Second})
	for _, g := range []string{"h", "i"} {
		now.do(&cluster.PlanMove{Group: g, Node: "n2", In: time.Minute})
	}
	at := now.View().PlannedMove("h").At
	now.mustSupersede(then.Store)
	v := now.View()
	if v.PlannedMove("g") != nil || v.PlannedMove("i") != nil {
		t.Errorf("a move of the snapshot, or of a group that is gone, is planned: %+v, %+v", v.PlannedMove("g"), v.PlannedMove("i"))
	}
	if p := v.PlannedMove("h"); p == nil || p.Node != "n2" || !p.At.Equal(at) {
		t.Errorf("the move that is planned now has become %+v", p)
	}
}
