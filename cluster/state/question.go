package state

import (
	"fmt"
	"iter"

	"github.com/hashicorp/go-memdb"

	"holdfast/cluster"
)

// must holds for errors that only a mistake in the schema or in a table's name can cause.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("state: a mistake in the schema: %v", err))
	}
}

// first is the object with this primary key, or the first one that an index has below the key; nil for none.
func first[T any](txn *memdb.Txn, table, index string, key []byte) *T {
	o, err := txn.First(table, index, key)
	must(err)
	t, _ := o.(*T)
	return t
}

// each goes through the objects that an index has below a prefix, in its order. An empty prefix means all. Writes that happen
// meanwhile do not show.
func each[T any](txn *memdb.Txn, table, index string, prefix []byte) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		it, err := txn.Get(table, index+"_prefix", prefix)
		must(err)
		for o := it.Next(); o != nil; o = it.Next() {
			if !yield(o.(*T)) {
				return
			}
		}
	}
}

// question is something a View was asked, small enough to be asked again: an object by its primary key, or the keys below a prefix.
type question struct {
	table string
	key   []byte
	below bool // key is a prefix; in tableKV only
}

// answer is what a question depends on: the index of what was found, and a channel that closes when that may have changed.
type answer struct {
	object  any // nil where nothing was found or the question is about a prefix
	index   uint64
	changed <-chan struct{}
}

func (q question) ask(txn *memdb.Txn) answer {
	if q.below {
		return askBelow(txn, q.key, func(*cluster.KVEntry) {})
	}
	ch, o, err := txn.FirstWatch(q.table, byID, q.key)
	must(err)
	if o == nil {
		return answer{index: goneIndex(txn, q.table, q.key), changed: ch}
	}
	return answer{object: o, index: indexOf(o), changed: ch}
}

// askBelow visits the keys below a prefix. The index counts what was deleted below it, too.
func askBelow(txn *memdb.Txn, prefix []byte, visit func(*cluster.KVEntry)) answer {
	it, err := txn.Get(tableKV, byID+"_prefix", prefix)
	must(err)
	index := watermark(txn, tableKV)
	for o := it.Next(); o != nil; o = it.Next() {
		e := o.(*cluster.KVEntry)
		index = max(index, e.ModifyIndex)
		visit(e)
	}
	for t := range each[Tombstone](txn, tableTombstones, byID, keyOf(tableKV, string(prefix))) {
		index = max(index, t.Index)
	}
	return answer{index: index, changed: it.WatchCh()}
}

// goneIndex is the index of something that does not exist: when it was deleted, if that is still known.
func goneIndex(txn *memdb.Txn, table string, k []byte) uint64 {
	if t := first[Tombstone](txn, tableTombstones, byID, keyOf(table, string(k))); t != nil {
		return t.Index
	}
	return watermark(txn, table)
}

// watermark is the highest index of a tombstone of the table that was forgotten.
func watermark(txn *memdb.Txn, table string) uint64 {
	if r := first[indexRow](txn, tableIndexes, byID, keyOf(ofReaped+table)); r != nil {
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
