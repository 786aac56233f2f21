package state

import "holdfast/cluster/state/table"

// Snapshot is the whole content of a store at one index.
type Snapshot struct {
	Index uint64 // of the log
	txn   *table.Txn
}

// Snapshot takes a snapshot at once. Writes go on while its records are streamed.
func (s *Store) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Snapshot{Index: s.AppliedIndex(), txn: s.content.Load().db.Read()}
}

// StateIndex is the index of the state at that moment, which no answer exceeds. Restores may have put it ahead of the log's.
func (sn *Snapshot) StateIndex() uint64 { return sn.Index + shiftOf(sn.txn) }

// Records gives every record to yield, in an order that depends on the content alone, and stops at its first error. A record is a
// pointer to one of: IndexRow, Tombstone, LockDelay, LastEpoch, ClusterID of this package; KVEntry, Node, Service, Check, Session, Group,
// Assignment, Presence, Transition, NodeCoordinate, PreparedQuery, Autopilot, CARoot, PlannedMove of package cluster. It is shared and must not be changed.
func (sn *Snapshot) Records(yield func(record any) error) error {
	for r := range each[indexRow](sn.txn, tableIndexes, byID, "") {
		if err := yield(&r.IndexRow); err != nil {
			return err
		}
	}
	for _, name := range []string{
		tableTombstones, tableKV, tableLockDelays, tableNodes, tableServices, tableChecks, tableSessions, tableGroups, tableAssignments,
		tableEpochs, tablePresences, tableTimeline, tableCoordinates, tableQueries, tableClusterID, tableAutopilot, tableCARoots, tablePlanned,
	} {
		for o := range sn.txn.Below(name, byID, "") {
			if err := yield(o); err != nil {
				return err
			}
		}
	}
	return nil
}
