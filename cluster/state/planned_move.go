package state

import (
	"fmt"
	"time"

	"holdfast/cluster"
)

// planMove notes that a group is to be moved later, or that it is not any more.
func (w *writer) planMove(c *cluster.PlanMove) error {
	switch g := found[cluster.Group](w.txn, tableGroups, keyOf(c.Group)); {
	case g == nil:
		return cluster.Errorf(cluster.NotFound, "there is no group %q", c.Group)
	case c.Node == "":
		if !w.endPlannedMove(c.Group) {
			return cluster.Errorf(cluster.NotFound, "no move of group %q is planned", c.Group)
		}
		w.record([]cluster.Transition{{Time: w.now, Kind: cluster.TransitionPlan, Group: c.Group, Why: c.Why}})
		return nil
	case c.In <= 0 || c.In > cluster.MaxPlanAhead:
		return cluster.Errorf(cluster.Invalid, "a move cannot be planned %s ahead: want more than 0s and at most %s", c.In, cluster.MaxPlanAhead)
	}
	p := &cluster.PlannedMove{Group: c.Group, Node: c.Node, At: w.now.Add(c.In), ModifyIndex: w.index}
	w.unbury(tablePlanned, keyOf(p.Group))
	w.put(tablePlanned, p)
	w.record([]cluster.Transition{{
		Time: w.now, Kind: cluster.TransitionPlan, Group: p.Group, Node: p.Node,
		Why: fmt.Sprintf("an operator planned to move it to %s in %s", p.Node, c.In.Round(time.Millisecond)),
	}})
	return nil
}

// endPlannedMove forgets the planned move of a group, and reports whether there was one.
func (w *writer) endPlannedMove(group string) bool {
	p := found[cluster.PlannedMove](w.txn, tablePlanned, keyOf(group))
	if p == nil {
		return false
	}
	w.remove(tablePlanned, p)
	w.bury(tablePlanned, keyOf(group))
	return true
}

// chosen reports whether it is by this assignment that an operator chooses the holder. Later ones, for other addresses, only say that one did.
func (w *writer) chosen(a *cluster.Assignment) bool {
	had := found[cluster.Assignment](w.txn, tableAssignments, keyOf(a.Group))
	return a.Moved && (had == nil || !had.Moved || had.Node != a.Node)
}

// PlannedMove is the move of a group that an operator planned, nil where there is none.
func (v *View) PlannedMove(group string) *cluster.PlannedMove {
	p, _ := v.r.ask(tablePlanned, keyOf(group)).(*cluster.PlannedMove)
	return p
}
