package state

import (
	"github.com/hashicorp/go-memdb"

	"holdfast/cluster"
)

// Restore builds new content from the records of a snapshot, aside from what readers see. One goroutine uses it, and ends it with
// Commit or Abort.
type Restore struct {
	store   *Store
	content *content
	txn     *memdb.Txn
}

// Restore begins a restore.
func (s *Store) Restore() *Restore {
	c := newContent()
	return &Restore{store: s, content: c, txn: c.db.Txn(true)}
}

// Add adds a record as Snapshot.Records gave it, and keeps it. An error means that the snapshot is not usable.
func (r *Restore) Add(record any) error {
	table, object, ok := place(record)
	if !ok {
		return cluster.Errorf(cluster.Invalid, "a record of the snapshot is of the type %T, which this version does not know or which is nil", record)
	}
	if err := r.txn.Insert(table, object); err != nil {
		return cluster.Errorf(cluster.Invalid, "a record of the snapshot does not fit into the table %s: %v", table, err)
	}
	return nil
}

// Commit puts the new content in the place of the old one, at the index of the snapshot, and wakes everyone who waits on the old.
func (r *Restore) Commit(index uint64) {
	r.txn.Commit()
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	old := r.store.content.Swap(r.content)
	r.store.applied.reach(index)
	close(old.replaced)
}

// Abort forgets what was added; after a Commit it does nothing.
func (r *Restore) Abort() { r.txn.Abort() }

// place is the table of a record and what is kept there.
func place(record any) (table string, object any, ok bool) {
	switch o := record.(type) {
	case *IndexRow:
		if o == nil {
			return "", nil, false
		}
		return tableIndexes, &indexRow{IndexRow: *o}, true
	case *Tombstone:
		return tableTombstones, o, o != nil
	case *cluster.KVEntry:
		return tableKV, o, o != nil
	case *LockDelay:
		return tableLockDelays, o, o != nil
	case *cluster.Node:
		return tableNodes, o, o != nil
	case *cluster.Service:
		return tableServices, o, o != nil
	case *cluster.Check:
		return tableChecks, o, o != nil
	case *cluster.Session:
		return tableSessions, o, o != nil
	case *cluster.Group:
		return tableGroups, o, o != nil
	case *cluster.Assignment:
		return tableAssignments, o, o != nil
	case *LastEpoch:
		return tableEpochs, o, o != nil
	case *cluster.Presence:
		return tablePresences, o, o != nil
	case *cluster.Transition:
		return tableTimeline, o, o != nil
	}
	return "", nil, false
}
