package state

import (
	"maps"
	"slices"
	"strings"

	"holdfast/cluster"
)

// steer stores what the assigner decided. It keeps the assignments that follow the current epoch of an existing group, and those that pin the
// current one, and names the others in a Conflict.
func (w *writer) steer(c *cluster.Steer) error {
	for _, p := range c.Presences {
		if p.Node == "" {
			return cluster.Errorf(cluster.Invalid, "a presence names no node")
		}
	}
	for _, p := range c.Presences {
		w.putPresence(p)
	}
	var refused []cluster.Assignment
	for _, a := range c.Assignments {
		if w.mayAssign(&a) || w.pins(&a) {
			if w.chosen(&a) {
				w.endPlannedMove(a.Group)
			}
			w.putAssignment(a)
		} else {
			refused = append(refused, a)
		}
	}
	w.record(slices.DeleteFunc(slices.Clone(c.Transitions), func(t cluster.Transition) bool { return tellsOf(&t, refused) }))
	if len(refused) > 0 {
		return refusal(refused)
	}
	return nil
}

// tellsOf reports whether a transition is about one of these assignments.
func tellsOf(t *cluster.Transition, as []cluster.Assignment) bool {
	return t.Kind == cluster.TransitionAssign && slices.ContainsFunc(as, func(a cluster.Assignment) bool {
		return a.Group == t.Group && (t.Epoch == 0 || t.Epoch == a.Epoch)
	})
}

func refusal(as []cluster.Assignment) error {
	var groups []string
	for _, a := range as {
		groups = append(groups, a.Group)
	}
	return cluster.Errorf(cluster.Conflict, "the assignments of these groups were refused, because the group is gone or its epoch has moved on: %s", strings.Join(groups, ", "))
}

func (w *writer) mayAssign(a *cluster.Assignment) bool {
	if found[cluster.Group](w.txn, tableGroups, keyOf(a.Group)) == nil {
		return false
	}
	var epoch uint64
	if e := found[LastEpoch](w.txn, tableEpochs, keyOf(a.Group)); e != nil {
		epoch = e.Epoch
	}
	return a.Epoch == epoch+1
}

// pins reports whether an assignment is the current one, but for that an operator chose it: the holder goes on with its epoch and its lease.
func (w *writer) pins(a *cluster.Assignment) bool {
	had := found[cluster.Assignment](w.txn, tableAssignments, keyOf(a.Group))
	return had != nil && had.Node != "" && !had.Moved && a.Moved && a.Node == had.Node && a.Epoch == had.Epoch &&
		slices.Equal(a.VIPs, had.VIPs) && a.Since.Equal(had.Since)
}

func (w *writer) putAssignment(a cluster.Assignment) {
	a.ModifyIndex = w.index
	w.unbury(tableAssignments, keyOf(a.Group))
	w.put(tableAssignments, &a)
	w.put(tableEpochs, &LastEpoch{Group: a.Group, Epoch: a.Epoch})
	w.touch(setAssignments)
}

// await notes whom a group waits for. An assignment that is over waits for nobody.
func (w *writer) await(c *cluster.Await) error {
	had := found[cluster.Assignment](w.txn, tableAssignments, keyOf(c.Group))
	if had == nil || had.Epoch != c.Epoch || had.Node == "" {
		return cluster.Errorf(cluster.Conflict, "epoch %d of group %q is over", c.Epoch, c.Group)
	}
	if had.Better == c.Node && had.BetterSince.Equal(c.Since) {
		return nil
	}
	a := *had
	a.Better, a.BetterSince, a.ModifyIndex = c.Node, c.Since, w.index
	w.put(tableAssignments, &a)
	w.touch(setAssignments)
	return nil
}

// putPresence stores a presence, unless it says nothing new.
func (w *writer) putPresence(p cluster.Presence) {
	if had := found[cluster.Presence](w.txn, tablePresences, nodeKey(p.Node)); had != nil && samePresence(had, &p) {
		return
	}
	p.ModifyIndex = w.index
	w.put(tablePresences, &p)
	w.touch(setPresences)
}

func samePresence(a, b *cluster.Presence) bool {
	return a.Node == b.Node && a.Live == b.Live && a.Why == b.Why && a.Since.Equal(b.Since) &&
		maps.Equal(a.Unable, b.Unable) && slices.Equal(a.HardwareAddrs, b.HardwareAddrs) && slices.Equal(a.Networks, b.Networks)
}
