package state

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// writer applies one command within the transaction of its batch. Each command is checked in full before its first write, but for those
// for transactions, which are undone.
type writer struct {
	txn   *table.Txn
	index uint64
	now   time.Time // the leader's

	recorded int // transitions so far
}

// apply is the one place that knows every command but Restore, which ends in Restore.Supersede.
func (w *writer) apply(c cluster.Command) (any, error) {
	if c == nil || reflect.ValueOf(c).IsNil() {
		return nil, cluster.Errorf(cluster.Internal, "the entry at index %d has no command", w.index)
	}
	switch c := c.(type) {
	case *cluster.KVWrite:
		return w.kvWrite(c)
	case *cluster.Register:
		return nil, w.register(c)
	case *cluster.Deregister:
		return nil, w.deregister(c)
	case *cluster.SessionCreate:
		return w.sessionCreate(c)
	case *cluster.SessionDestroy:
		w.sessionDestroy(c)
		return nil, nil
	case *cluster.ReapTombstones:
		w.reapTombstones(c)
		return nil, nil
	case *cluster.PutGroup:
		return nil, w.putGroup(c)
	case *cluster.DeleteGroup:
		return nil, w.deleteGroup(c)
	case *cluster.Steer:
		return nil, w.steer(c)
	case *cluster.PutFullGroup:
		return nil, w.putGroup(&c.PutGroup)
	case *cluster.PutGroups:
		return nil, w.putGroups(c.Groups)
	case *cluster.Await:
		return nil, w.await(c)
	case *cluster.PlanMove:
		return nil, w.planMove(c)
	case *cluster.Record:
		w.record(c.Transitions)
		return nil, nil
	case *cluster.Transaction:
		if err := c.Validate(); err != nil {
			return nil, err
		}
		return w.transact(c), nil
	case *cluster.UpdateCoordinates:
		return nil, w.updateCoordinates(c)
	case *cluster.NameCluster:
		return w.nameCluster(c)
	case *cluster.PutAutopilot:
		return w.putAutopilot(c)
	case *cluster.SetCARoot:
		return nil, w.setCARoot(c)
	case *cluster.PutPreparedQuery:
		return nil, w.putPreparedQuery(c)
	case *cluster.DeletePreparedQuery:
		return nil, w.deletePreparedQuery(c)
	case *cluster.NewTerm:
		return nil, nil // that its index is applied is all it says
	}
	return nil, cluster.Errorf(cluster.Internal, "this version does not know how to apply a %T", c)
}

func (w *writer) put(table string, o any)    { w.txn.Put(table, o) }
func (w *writer) remove(table string, o any) { w.txn.Delete(table, o) }

// touch moves the index of a set.
func (w *writer) touch(set string) {
	if r := found[indexRow](w.txn, tableIndexes, set); r == nil {
		w.unbury(tableIndexes, set)
	} else if r.Index == w.index {
		return
	}
	w.put(tableIndexes, &indexRow{IndexRow: IndexRow{Name: set, Index: w.index}})
}

// close ends a set: what it was about ceased to exist.
func (w *writer) close(set string) {
	if r := found[indexRow](w.txn, tableIndexes, set); r != nil {
		w.remove(tableIndexes, r)
		w.bury(tableIndexes, set)
	}
}

// bury remembers when something ceased to exist.
func (w *writer) bury(table, key string) {
	w.put(tableTombstones, &Tombstone{Table: table, Key: key, Index: w.index})
}

// unbury forgets that something ceased to exist: it is there again, with a higher index.
func (w *writer) unbury(table, key string) {
	if t := found[Tombstone](w.txn, tableTombstones, keyOf(table, key)); t != nil {
		w.remove(tableTombstones, t)
	}
}

// reapTombstones forgets tombstones, and keeps of each table the highest index it forgot, so that no index goes backwards.
func (w *writer) reapTombstones(c *cluster.ReapTombstones) {
	highest := map[string]uint64{}
	for t := range each[Tombstone](w.txn, tableTombstones, byIndex, "") { // the lowest index first
		if t.Index > c.Index {
			break
		}
		w.remove(tableTombstones, t)
		highest[t.Table] = t.Index
	}
	for _, table := range slices.Sorted(maps.Keys(highest)) {
		w.put(tableIndexes, &indexRow{IndexRow: IndexRow{Name: ofReaped + table, Index: max(highest[table], watermark(w.txn, table))}})
	}
}
