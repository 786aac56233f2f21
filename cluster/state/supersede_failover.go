package state

import (
	"fmt"

	"holdfast/cluster"
)

// keepFailover lets a restore be to failover what PutGroup and DeleteGroup are, once for each group that differs: the groups are the
// snapshot's, and everything else stays, because it is about machines and leases that live now.
//
//   - A group that is there before and after keeps its assignment, so its holder's lease goes on. If its addresses differ, the leader's
//     plan brings the new ones in the next epoch, by the rules that hold for every change of addresses.
//   - A group that the snapshot lacks ends as a deleted one does; one that only the snapshot has begins without a holder.
//   - Epochs only rise: each group's last one is the higher of both. So none is ever used twice.
//   - Moves that an operator has planned stay, where the group does; those of the snapshot are of another time.
//   - Presences and the timeline tell of this cluster, and a snapshot's tell of another time or place.
func (m *merge) keepFailover() {
	epochs := m.mergeEpochs()
	for _, table := range []string{tableAssignments, tablePlanned, tablePresences, tableTimeline} {
		m.removeAll(table)
	}
	for r := range each[indexRow](m.txn, tableIndexes, byID, ofTimeline) {
		m.remove(tableIndexes, r)
	}
	for p := range each[cluster.Presence](m.was, tablePresences, byID, "") {
		m.putPresence(*p)
	}
	for t := range each[cluster.Transition](m.was, tableTimeline, byID, "") {
		m.put(tableTimeline, t)
		m.touchTimeline(t.Group)
	}
	m.keepAssignments(epochs)
	m.keepPlannedMoves()
	m.tellOfGroups()
}

// mergeEpochs writes the last epoch of every group, and gives back how far the snapshot has put them forward.
func (m *merge) mergeEpochs() (ahead map[string]bool) {
	ahead = map[string]bool{}
	for e := range each[LastEpoch](m.txn, tableEpochs, byID, "") {
		had := found[LastEpoch](m.was, tableEpochs, keyOf(e.Group))
		ahead[e.Group] = had == nil || e.Epoch > had.Epoch
	}
	for e := range each[LastEpoch](m.was, tableEpochs, byID, "") {
		if !ahead[e.Group] {
			m.put(tableEpochs, &LastEpoch{Group: e.Group, Epoch: e.Epoch})
		}
	}
	return ahead
}

// keepAssignments gives every group of the snapshot the assignment that it has now. A group whose last epoch is another assignment's
// takes the next one: with the same holder and the same addresses, or none.
func (m *merge) keepAssignments(ahead map[string]bool) {
	for g := range each[cluster.Group](m.txn, tableGroups, byID, "") {
		last := found[LastEpoch](m.txn, tableEpochs, keyOf(g.Name))
		if last == nil {
			continue // it never had a holder
		}
		a := cluster.Assignment{Group: g.Name, Why: "the group was restored from a snapshot", Since: m.now}
		had := found[cluster.Assignment](m.was, tableAssignments, keyOf(g.Name))
		if had != nil {
			a = *had
		}
		if had == nil || ahead[g.Name] {
			a.Epoch = last.Epoch + 1
		}
		m.putAssignment(a)
	}
}

// keepPlannedMoves gives every group of the snapshot the planned move that it has now.
func (m *merge) keepPlannedMoves() {
	for p := range each[cluster.PlannedMove](m.was, tablePlanned, byID, "") {
		if found[cluster.Group](m.txn, tableGroups, keyOf(p.Group)) != nil {
			kept := *p
			m.put(tablePlanned, &kept)
		}
	}
}

// tellOfGroups writes into the timeline what the restore did.
func (m *merge) tellOfGroups() {
	news := []cluster.Transition{{Kind: cluster.TransitionRestore, Why: "the state was replaced by a snapshot"}}
	add := func(g *cluster.Group, what string) {
		news = append(news, cluster.Transition{
			Kind: cluster.TransitionGroup, Group: g.Name, Why: fmt.Sprintf("the group was %s when a snapshot was restored", what), Detail: describe(g),
		})
	}
	for g := range each[cluster.Group](m.txn, tableGroups, byID, "") {
		switch had := found[cluster.Group](m.was, tableGroups, keyOf(g.Name)); {
		case had == nil:
			add(g, "created")
		case !had.Equal(g):
			add(g, "changed")
		}
	}
	for g := range each[cluster.Group](m.was, tableGroups, byID, "") {
		if found[cluster.Group](m.txn, tableGroups, keyOf(g.Name)) == nil {
			add(g, "deleted")
		}
	}
	m.record(news)
}
