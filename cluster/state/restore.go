package state

import (
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// Restore builds new content from the records of a snapshot, aside from what readers see. One goroutine uses it, and ends it with
// Commit or Abort; what it is told after that does nothing.
type Restore struct {
	store   *Store
	content *content
	txn     *table.Txn // nil after the end
}

// Restore begins a restore.
func (s *Store) Restore() *Restore {
	c := newContent()
	return &Restore{store: s, content: c, txn: c.db.Write()}
}

// Add adds a record as Snapshot.Records gave it, in the same order, and keeps it. An error means that the snapshot is not usable.
func (r *Restore) Add(record any) error {
	if r.txn == nil {
		return cluster.Errorf(cluster.Internal, "a record was added to a restore that has ended")
	}
	table, object, err := r.place(record)
	if err != nil {
		return err
	}
	r.txn.Put(table, object)
	return nil
}

// Commit puts the new content in the place of the old one, at the index of the snapshot, and wakes everyone who waits on the old.
func (r *Restore) Commit(index uint64) {
	if r.txn == nil {
		return
	}
	r.txn.Commit()
	r.txn = nil
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	old := r.store.content.Swap(r.content)
	r.store.applied.reach(index)
	close(old.replaced)
}

// Abort forgets what was added.
func (r *Restore) Abort() {
	if r.txn != nil {
		r.txn.Abort()
		r.txn = nil
	}
}

// place is the table of a record and what is kept there. What readers follow from one record to another must lead somewhere.
func (r *Restore) place(record any) (table string, object any, err error) {
	var ok bool
	switch o := record.(type) {
	case *IndexRow:
		if ok = o != nil; ok {
			return tableIndexes, &indexRow{IndexRow: *o}, nil
		}
	case *Tombstone:
		table, object, ok = tableTombstones, o, o != nil
	case *cluster.KVEntry:
		table, object, ok = tableKV, o, o != nil
	case *LockDelay:
		table, object, ok = tableLockDelays, o, o != nil
	case *cluster.Node:
		table, object, ok = tableNodes, o, o != nil && usable(o.Name, o.ID)
	case *cluster.Service:
		table, object, ok = tableServices, o, o != nil && usable(o.Node, o.ID, o.Name) && r.has(tableNodes, nodeKey(o.Node))
	case *cluster.Check:
		table, object, ok = tableChecks, o, o != nil && usable(o.Node, o.ID, o.ServiceID, o.ServiceName) && r.has(tableNodes, nodeKey(o.Node)) &&
			(o.ServiceID == "" || r.has(tableServices, onNode(o.Node, o.ServiceID)))
	case *cluster.Session:
		table, object, ok = tableSessions, o, o != nil && usable(o.Node, o.ID) && r.has(tableNodes, nodeKey(o.Node))
	case *cluster.Group:
		table, object, ok = tableGroups, o, o != nil
	case *cluster.Assignment:
		table, object, ok = tableAssignments, o, o != nil && r.has(tableGroups, keyOf(o.Group))
	case *LastEpoch:
		table, object, ok = tableEpochs, o, o != nil
	case *cluster.Presence:
		table, object, ok = tablePresences, o, o != nil
	case *ClusterID:
		table, object, ok = tableClusterID, o, o != nil && cluster.CheckClusterID(o.ID) == nil
	case *cluster.Transition:
		table, object, ok = tableTimeline, o, o != nil
	case *cluster.Autopilot:
		table, object, ok = tableAutopilot, o, o != nil && o.Validate() == nil
	case *cluster.CARoot:
		table, object, ok = tableCARoots, o, o != nil && o.Validate() == nil
	case *cluster.PlannedMove:
		table, object, ok = tablePlanned, o, o != nil && r.has(tableGroups, keyOf(o.Group))
	case *cluster.PreparedQuery:
		table, object, ok = tableQueries, o, o != nil && usable(o.ID, o.Name) && (o.Session == "" || r.has(tableSessions, nodeKey(o.Session)))
	case *cluster.NodeCoordinate:
		table, object, ok = tableCoordinates, o, o != nil && usable(o.Node) && o.Validate() == nil && r.has(tableNodes, nodeKey(o.Node))
	default:
		return "", nil, cluster.Errorf(cluster.Invalid, "a record of the snapshot is of the type %T, which this version does not know", record)
	}
	if !ok {
		return "", nil, cluster.Errorf(cluster.Invalid, "a record of the snapshot is damaged or belongs to a node, service or group that is missing from it: %+v", record)
	}
	return table, object, nil
}

func usable(names ...string) bool { return !slices.ContainsFunc(names, hasNUL) }

func (r *Restore) has(table, key string) bool { return r.txn.Row(table, key) != nil }
