package state

import (
	"fmt"
	"iter"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// found is the object with this key, nil for none.
func found[T any](txn *table.Txn, name, key string) *T {
	t, _ := txn.Row(name, key).(*T)
	return t
}

// first is the first object that an index has below a prefix, nil for none.
func first[T any](txn *table.Txn, name, index, prefix string) *T {
	t, _ := txn.First(name, index, prefix).(*T)
	return t
}

// each goes through the objects that an index has below a prefix, in its order. An empty prefix means all. Writes that happen
// meanwhile do not show.
func each[T any](txn *table.Txn, name, index, prefix string) iter.Seq[*T] {
	rows := txn.Below(name, index, prefix)
	return func(yield func(*T) bool) { rows(func(row any) bool { return yield(row.(*T)) }) }
}

// question is something a View was asked, small enough to be asked again: an object by its primary key, or the keys below a prefix.
type question struct {
	table string
	key   string
	below bool // key is a prefix; in tableKV only
}

// answer is what a question depends on: the index of what was found, and what tells that it may have changed.
type answer struct {
	object  any // nil where nothing was found or the question is about a prefix
	index   uint64
	changed *table.Signal
}

func (q question) ask(txn *table.Txn) answer {
	if q.below {
		return askBelow(txn, q.key, func(*cluster.KVEntry) {})
	}
	o, changed := txn.Watch(q.table, q.key)
	if o == nil {
		return answer{index: goneIndex(txn, q.table, q.key), changed: changed}
	}
	return answer{object: o, index: indexOf(o), changed: changed}
}

// askBelow visits the keys below a prefix. The index counts what was deleted below it, too.
func askBelow(txn *table.Txn, prefix string, visit func(*cluster.KVEntry)) answer {
	rows, changed := txn.WatchBelow(tableKV, byID, prefix)
	index := watermark(txn, tableKV)
	for o := range rows {
		e := o.(*cluster.KVEntry)
		index = max(index, e.ModifyIndex)
		visit(e)
	}
	for t := range each[Tombstone](txn, tableTombstones, byID, keyOf(tableKV, prefix)) {
		index = max(index, t.Index)
	}
	return answer{index: index, changed: changed}
}

// goneIndex is the index of something that does not exist: when it was deleted, if that is still known.
func goneIndex(txn *table.Txn, name, key string) uint64 {
	if t := found[Tombstone](txn, tableTombstones, keyOf(name, key)); t != nil {
		return t.Index
	}
	return watermark(txn, name)
}

// watermark is the highest index of a tombstone of the table that was forgotten.
func watermark(txn *table.Txn, name string) uint64 {
	if r := found[indexRow](txn, tableIndexes, ofReaped+name); r != nil {
		return r.Index
	}
	return 0
}

func indexOf(o any) uint64 {
	switch o := o.(type) {
	case *indexRow:
		return o.Index
	case *cluster.KVEntry:
		return o.ModifyIndex
	case *cluster.Session:
		return o.ModifyIndex
	case *cluster.Group:
		return o.ModifyIndex
	case *cluster.Assignment:
		return o.ModifyIndex
	case *cluster.Presence:
		return o.ModifyIndex
	case *cluster.PlannedMove:
		return o.ModifyIndex
	case *cluster.NodeCoordinate:
		return o.ModifyIndex
	case *cluster.PreparedQuery:
		return o.ModifyIndex
	case *cluster.Autopilot:
		return o.ModifyIndex
	case *cluster.CARoot:
		return o.ModifyIndex
	case *ClusterID:
		return o.ModifyIndex
	}
	panic(fmt.Sprintf("state: no index is known for a %T", o))
}
