package table

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// Table describes a table: how a row gives its key, and by which others it is found.
type Table struct {
	Name    string
	Key     func(row any) string // of one row alone
	Indexes []Index
}

// Index finds the rows of a table by other keys, which may be those of several rows. None of them is empty or the beginning of another: the tree has
// them with the row's own key behind.
type Index struct {
	Name string
	Keys func(keys []string, row any) []string // appends the keys of a row, if it has any
}

// DB is a set of tables.
type DB struct {
	schema map[string]*place

	writer     sync.Mutex // held by the Txn that writes
	generation uint64     // the last one; guarded by writer
	trees      atomic.Pointer[[]tree]
}

// place is where the trees of a table are: that of its key, and behind it those of its indexes.
type place struct {
	Table
	first int
}

// New is a set of empty tables.
func New(tables ...Table) *DB {
	db := &DB{schema: make(map[string]*place, len(tables))}
	var trees []tree
	for _, t := range tables {
		db.schema[t.Name] = &place{t, len(trees)}
		for range 1 + len(t.Indexes) {
			trees = append(trees, tree{root: &node{}})
		}
	}
	db.trees.Store(&trees)
	return db
}

// Read is a snapshot.
func (db *DB) Read() *Txn { return &Txn{db: db, trees: *db.trees.Load()} }

// Write is a snapshot that can be written to. It waits for the one before to be ended, with Commit or Abort.
func (db *DB) Write() *Txn {
	db.writer.Lock()
	return &Txn{db: db, trees: slices.Clone(*db.trees.Load()), writes: true}
}

// Txn is the tables at one moment, with what was written since then in this Txn. One goroutine uses it, unless it only reads. A table or an index that
// the schema does not have, and a write to a snapshot, are mistakes of the program: it panics.
type Txn struct {
	db     *DB
	trees  []tree
	writes bool // and has not ended
	edit   edit

	keys, oldKeys []string // memory that Put uses again
}

// Commit publishes what was written, and then wakes who waits for it.
func (t *Txn) Commit() {
	t.freeze()
	trees := t.trees // not &t.trees: who reads them must not hold what they replaced
	t.db.trees.Store(&trees)
	replaced := t.edit.replaced
	t.end()
	for _, s := range replaced {
		s.give()
	}
}

// Abort forgets what was written, unless the transaction has ended.
func (t *Txn) Abort() {
	if t.writes {
		t.end()
	}
}

func (t *Txn) end() {
	t.writes, t.edit = false, edit{}
	t.db.writer.Unlock()
}

// Savepoint is a state to which a transaction may be rolled back.
type Savepoint struct {
	trees    []tree
	replaced int
}

// Savepoint is the state of now.
func (t *Txn) Savepoint() Savepoint {
	t.freeze()
	return Savepoint{slices.Clone(t.trees), len(t.edit.replaced)}
}

// RollbackTo forgets what was written since a savepoint, which cannot be used again.
func (t *Txn) RollbackTo(s Savepoint) {
	t.trees, t.edit.replaced = s.trees, t.edit.replaced[:s.replaced]
}

// freeze lets all nodes stay as they are.
func (t *Txn) freeze() {
	for i := range t.trees {
		t.trees[i].generation = 0
	}
}

func (t *Txn) table(name string) *place {
	p := t.db.schema[name]
	if p == nil {
		panic(fmt.Sprintf("table: there is no table %q", name))
	}
	return p
}

// Row is the row of a key, nil where there is none.
func (t *Txn) Row(table, key string) any {
	row, _ := t.Watch(table, key)
	return row
}

// Watch is the row of a key, and tells when there may be another.
func (t *Txn) Watch(table, key string) (row any, changed *Signal) {
	l, changed := t.trees[t.table(table).first].root.get(key)
	if l == nil {
		return nil, changed
	}
	return l.row, changed
}

// Below is the rows whose keys in an index begin with prefix, in the order of the keys; those of one key are in that of their keys in the table. An
// empty index is the table's key itself. Writes that happen meanwhile do not show.
func (t *Txn) Below(table, index, prefix string) iter.Seq[any] {
	rows, _ := t.WatchBelow(table, index, prefix)
	return rows
}

// First is the first of the rows that Below gives, nil if there are none.
func (t *Txn) First(table, index, prefix string) (first any) {
	way, _ := t.index(table, index).root.below(prefix)
	way.each(func(row any) bool { first = row; return false })
	return first
}

// WatchBelow is Below, and tells when there may be other rows.
func (t *Txn) WatchBelow(table, index, prefix string) (rows iter.Seq[any], changed *Signal) {
	tree := t.index(table, index)
	if t.writes {
		tree.generation = 0
	}
	way, changed := tree.root.below(prefix)
	return func(yield func(any) bool) { way.each(yield) }, changed
}

func (t *Txn) index(table, index string) *tree {
	p := t.table(table)
	if index == "" {
		return &t.trees[p.first]
	}
	i := slices.IndexFunc(p.Indexes, func(x Index) bool { return x.Name == index })
	if i < 0 {
		panic(fmt.Sprintf("table: %s has no index %q", table, index))
	}
	return &t.trees[p.first+1+i]
}

// Put puts a row into a table, in the place of the one with its key if there is one.
func (t *Txn) Put(table string, row any) {
	p := t.table(table)
	key := p.Key(row)
	was := t.put(p.first, key, row)
	for i := range p.Indexes {
		t.keys = p.Indexes[i].Keys(t.keys[:0], row)
		if was != nil {
			t.oldKeys = p.Indexes[i].Keys(t.oldKeys[:0], was)
			for _, old := range t.oldKeys {
				if !slices.Contains(t.keys, old) {
					t.remove(p.first+1+i, old+key)
				}
			}
		}
		for _, k := range t.keys {
			t.put(p.first+1+i, k+key, row)
		}
	}
}

// Delete takes a row out of a table: the one that has the key of the row given.
func (t *Txn) Delete(table string, row any) {
	p := t.table(table)
	key := p.Key(row)
	was := t.remove(p.first, key)
	if was == nil {
		return
	}
	for i := range p.Indexes {
		t.oldKeys = p.Indexes[i].Keys(t.oldKeys[:0], was)
		for _, old := range t.oldKeys {
			t.remove(p.first+1+i, old+key)
		}
	}
}

// put writes to a tree, and gives back the row that was there.
func (t *Txn) put(number int, key string, row any) any {
	tree := t.writable(number)
	root, was := t.edit.put(tree.root, 0, &leaf{key: key, row: row, generation: tree.generation})
	tree.root = root
	if was == nil {
		return nil
	}
	t.edit.retire(was)
	return was.row
}

// remove takes a key out of a tree, and gives back the row that was there.
func (t *Txn) remove(number int, key string) any {
	was, _ := t.trees[number].root.get(key)
	if was == nil {
		return nil
	}
	tree := t.writable(number)
	tree.root = t.edit.remove(tree.root, 0, key)
	t.edit.retire(was)
	return was.row
}

// writable is a tree to write to.
func (t *Txn) writable(number int) *tree {
	if !t.writes {
		panic("table: a snapshot was written to")
	}
	tree := &t.trees[number]
	if tree.generation == 0 {
		t.db.generation++
		tree.generation = t.db.generation
	}
	t.edit.generation = tree.generation
	return tree
}
