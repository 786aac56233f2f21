package state

import (
	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

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
	for _, stream := range []func(*table.Txn, func(any) error) error{
		stream[Tombstone](tableTombstones),
		stream[cluster.KVEntry](tableKV),
		stream[LockDelay](tableLockDelays),
		stream[cluster.Node](tableNodes),
		stream[cluster.Service](tableServices),
		stream[cluster.Check](tableChecks),
		stream[cluster.Session](tableSessions),
		stream[cluster.Group](tableGroups),
		stream[cluster.Assignment](tableAssignments),
		stream[LastEpoch](tableEpochs),
		stream[cluster.Presence](tablePresences),
		stream[cluster.Transition](tableTimeline),
		stream[cluster.NodeCoordinate](tableCoordinates),
		stream[cluster.PreparedQuery](tableQueries),
		stream[ClusterID](tableClusterID),
		stream[cluster.Autopilot](tableAutopilot),
		stream[cluster.CARoot](tableCARoots),
		stream[cluster.PlannedMove](tablePlanned),
	} {
		if err := stream(sn.txn, yield); err != nil {
			return err
		}
	}
	return nil
}

func stream[T any](name string) func(*table.Txn, func(any) error) error {
	return func(txn *table.Txn, yield func(any) error) error {
		for o := range each[T](txn, name, byID, "") {
			if err := yield(o); err != nil {
				return err
			}
		}
		return nil
	}
}
