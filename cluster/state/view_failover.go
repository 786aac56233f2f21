package state

import (
	"slices"

	"holdfast/cluster"
)

// Groups is every group in the order of the names.
func (v *View) Groups() []*cluster.Group {
	v.r.askSet(setGroups)
	return slices.Collect(each[cluster.Group](v.r.txn, tableGroups, byID, ""))
}

// Group is the group of this name, nil where there is none.
func (v *View) Group(name string) *cluster.Group {
	g, _ := v.r.ask(tableGroups, keyOf(name)).(*cluster.Group)
	return g
}

// Assignments is every assignment in the order of the groups.
func (v *View) Assignments() []*cluster.Assignment {
	v.r.askSet(setAssignments)
	return slices.Collect(each[cluster.Assignment](v.r.txn, tableAssignments, byID, ""))
}

// Assignment is the assignment of a group, nil for a group that never had one. A group that was deleted and created again has one
// without a holder, because its epochs go on where they ended.
func (v *View) Assignment(group string) *cluster.Assignment {
	a, _ := v.r.ask(tableAssignments, keyOf(group)).(*cluster.Assignment)
	return a
}

// LastEpochs is the highest epoch that each group ever had, also of those that were deleted. It changes with the assignments, and is nothing to wait for.
func (v *View) LastEpochs() map[string]uint64 {
	epochs := map[string]uint64{}
	for e := range each[LastEpoch](v.r.txn, tableEpochs, byID, "") {
		epochs[e.Group] = e.Epoch
	}
	return epochs
}

// Presences is what failover knows of every machine, in the order of the nodes.
func (v *View) Presences() []*cluster.Presence {
	v.r.askSet(setPresences)
	return slices.Collect(each[cluster.Presence](v.r.txn, tablePresences, byID, ""))
}

// Presence is what failover knows of one machine, nil where it knows nothing.
func (v *View) Presence(node string) *cluster.Presence {
	p, _ := v.r.ask(tablePresences, nodeKey(node)).(*cluster.Presence)
	return p
}

// Timeline is the newest limit transitions, those of one group or with "" all, the newest last. A limit of 0 or less means no limit. What its author wrote
// twice, because it could not tell whether the first time counted, is there once.
func (v *View) Timeline(group string, limit int) []*cluster.Transition {
	var list []*cluster.Transition
	if group == "" {
		v.r.askSet(setTimeline)
		list = slices.Collect(each[cluster.Transition](v.r.txn, tableTimeline, byID, ""))
	} else {
		v.r.askSet(ofTimeline + group)
		list = slices.Collect(each[cluster.Transition](v.r.txn, tableTimeline, byGroup, below(group)))
	}
	list = slices.DeleteFunc(list, repeats())
	if limit > 0 && len(list) > limit {
		list = list[len(list)-limit:]
	}
	return list
}

// repeats tells which transitions say what one before has said, of the same nanosecond and in the same words.
func repeats() func(*cluster.Transition) bool {
	said := map[cluster.Transition]bool{}
	return func(t *cluster.Transition) bool {
		x := *t
		x.Index, x.Seq, x.Time = 0, 0, x.Time.UTC().Round(0)
		again := said[x]
		said[x] = true
		return again
	}
}
