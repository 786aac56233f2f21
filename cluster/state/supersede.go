package state

import (
	"reflect"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// MaxArchivedIndex is the highest index that a snapshot may have which an operator restores. Beyond it programs that keep numbers as
// floating point would no longer tell two indexes apart.
const MaxArchivedIndex = 1 << 53

// Supersede ends a restore that an operator asked for, with a snapshot of any age and of any cluster. Unlike Commit, which makes this
// member equal to the others, it is a command: the entry at index replaces the content everywhere, and the cluster goes on. So
//
//   - every answer's index rises: it is as if everything had been written anew, at an index above all that this cluster and the
//     snapshot's have ever shown (archived is the snapshot's). Whoever waits is woken with a higher index;
//   - what is true of this cluster alone stays: its ID, the nodes on which its agents run, and everything that leases rest on (merge).
//
// An error means that the snapshot cannot be used, and nothing has changed.
func (r *Restore) Supersede(index, archived uint64, now time.Time) error {
	if r.txn == nil {
		return cluster.Errorf(cluster.Internal, "a restore that has ended cannot supersede anything")
	}
	defer r.Abort()
	if archived > MaxArchivedIndex {
		return cluster.Errorf(cluster.Invalid, "the snapshot claims the index %d: no cluster gets that far", archived)
	}
	s := r.store
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.content.Load()
	was := old.db.Read()
	at := max(index+shiftOf(was), archived+1)
	m := &merge{writer: &writer{txn: r.txn, index: at, now: now.Round(0).UTC()}, was: was}
	if err := m.run(); err != nil {
		return err
	}
	m.put(tableIndexes, &indexRow{IndexRow: IndexRow{Name: setShift, Index: at - index}})
	r.txn.Commit()
	r.txn = nil
	s.content.Store(r.content)
	s.applied.reach(index)
	close(old.replaced)
	return nil
}

// shiftOf is how far the indexes of the state are ahead of those of the log. A restore may have put them forward.
func shiftOf(txn *table.Txn) uint64 {
	if r := found[indexRow](txn, tableIndexes, setShift); r != nil {
		return r.Index
	}
	return 0
}

// merge makes the records of a snapshot the next state of a running cluster.
type merge struct {
	*writer            // of the new content
	was     *table.Txn // the content until now
}

func (m *merge) run() error {
	if err := m.checkGroups(); err != nil {
		return err
	}
	m.keepIdentity()
	m.keepAgents()
	m.keepFailover()
	m.delayLocks()
	m.restamp()
	return nil
}

// keepIdentity lets the cluster be the one that it is, whosever snapshot it gets: its ID and the root of its CA stay.
func (m *merge) keepIdentity() {
	m.removeAll(tableClusterID)
	if id := found[ClusterID](m.was, tableClusterID, clusterIDKey); id != nil {
		kept := *id
		m.put(tableClusterID, &kept)
	}
	if root := found[cluster.CARoot](m.was, tableCARoots, caRootKey); root != nil {
		kept := *root
		m.put(tableCARoots, &kept)
	}
}

// checkGroups refuses groups that PutGroup would refuse, and epochs that cannot be counted on from.
func (m *merge) checkGroups() error {
	for g := range each[cluster.Group](m.txn, tableGroups, byID, "") {
		if err := g.Validate(); err != nil {
			return err
		}
		if err := m.groupsMayBePut([]cluster.Group{*g}); err != nil {
			return err
		}
	}
	for e := range each[LastEpoch](m.txn, tableEpochs, byID, "") {
		if e.Epoch > MaxArchivedIndex {
			return cluster.Errorf(cluster.Invalid, "the snapshot claims the epoch %d of group %q: no group gets that far", e.Epoch, e.Group)
		}
	}
	return nil
}

// restamp gives everything the index of the restore, and lets what is not there any more have been deleted then.
func (m *merge) restamp() {
	m.removeAll(tableTombstones)
	tables := schema()
	for _, t := range tables {
		m.put(tableIndexes, &indexRow{IndexRow: IndexRow{Name: ofReaped + t.Name}})
	}
	for _, t := range tables {
		for o := range m.txn.Below(t.Name, byID, "") {
			stamp(o, m.index)
		}
	}
}

func (m *merge) removeAll(table string) {
	for o := range m.txn.Below(table, byID, "") {
		m.remove(table, o)
	}
}

// stamp writes the index of a record in place: nobody sees it yet, and no table is ordered by it.
func stamp(record any, index uint64) {
	if row, ok := record.(*indexRow); ok {
		row.Index = index
		return
	}
	v := reflect.ValueOf(record).Elem()
	if f := v.FieldByName("ModifyIndex"); f.IsValid() {
		f.SetUint(index)
	}
	if f := v.FieldByName("CreateIndex"); f.IsValid() && f.Uint() > index {
		f.SetUint(index)
	}
}

// delayLocks starts the lock delay of every lock that the restore takes from its holder, as the end of its session would. Delays that run
// already go on.
func (m *merge) delayLocks() {
	for e := range each[cluster.KVEntry](m.was, tableKV, bySession, "") {
		if n := found[cluster.KVEntry](m.txn, tableKV, e.Key); n != nil && n.Session == e.Session {
			continue
		}
		if s := found[cluster.Session](m.was, tableSessions, nodeKey(e.Session)); s != nil {
			m.delayLock(e.Key, s.LockDelay)
		}
	}
	for d := range each[LockDelay](m.was, tableLockDelays, byID, "") {
		if n := found[LockDelay](m.txn, tableLockDelays, d.Key); n == nil || n.Until.Before(d.Until) {
			m.put(tableLockDelays, &LockDelay{Key: d.Key, Until: d.Until})
		}
	}
}
