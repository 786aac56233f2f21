package state

import (
	"github.com/hashicorp/go-memdb"

	"holdfast/cluster"
)

// draft is the transaction of a batch. It remembers by its key whatever the batch has written: reading a tree in the middle of writing it makes
// memdb forget which of the tree's nodes are its own, and copy them all once more at the next write. So single objects are found
// beside the transaction, in what was written or else in the state before it.
type draft struct {
	db      *memdb.MemDB
	txn     *memdb.Txn
	before  *memdb.Txn                // nil: everything is read from txn
	written map[string]map[string]any // by table and key; nil for what was removed
}

func newDraft(db *memdb.MemDB) *draft {
	d := &draft{db: db}
	d.begin()
	return d
}

func (d *draft) begin() {
	d.txn, d.before, d.written = d.db.Txn(true), d.db.Txn(false), map[string]map[string]any{}
}

// allOrNothing undoes what do wrote where it says that it failed. memdb can only undo a whole transaction, so what the batch wrote before is
// committed first.
func (d *draft) allOrNothing(do func() (ok bool)) {
	if len(d.written) > 0 {
		d.txn.Commit()
		d.begin()
	}
	if !do() {
		d.txn.Abort()
		d.begin()
	}
}

func (d *draft) put(table string, o any) {
	must(d.txn.Insert(table, o))
	d.note(table, o, o)
}

func (d *draft) remove(table string, o any) {
	must(d.txn.Delete(table, o))
	d.note(table, o, nil)
}

// note remembers that is stands where o belongs.
func (d *draft) note(table string, o, is any) {
	if d.before == nil {
		return
	}
	objects := d.written[table]
	if objects == nil {
		objects = map[string]any{}
		d.written[table] = objects
	}
	objects[d.primaryKey(table, o)] = is
}

func (d *draft) primaryKey(table string, o any) string {
	if e, ok := o.(*cluster.KVEntry); ok { // most are, and need nothing made
		return e.Key
	}
	_, key, err := d.db.DBSchema().Tables[table].Indexes[byID].Indexer.(memdb.SingleIndexer).FromObject(o)
	must(err)
	return string(key)
}

// found is the object with this primary key, with what the batch has written so far.
func found[T any](d *draft, table string, key []byte) *T {
	if d.before == nil {
		return first[T](d.txn, table, byID, key)
	}
	if o, written := d.written[table][string(key)]; written {
		t, _ := o.(*T)
		return t
	}
	return first[T](d.before, table, byID, key)
}
