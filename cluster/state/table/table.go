package table

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// Table is what there is to know of a table.
type Table struct {
	Name    string
	Key     func(row any) string // of one row alone
	Indexes []Index
}

// Index finds the rows of a table by other keys, which may be those of several rows. None of them is empty or the beginning of another.
type Index struct {
	Name string
	Keys func(keys []string, row any) []string // appends the keys of a row, if it has any
}

// DB is a set of tables.
type DB struct {
	schema map[string]*place

	writer  sync.Mutex // held by the Txn that writes
	edition uint64     // the last one; guarded by writer
	trees   atomic.Pointer[[]tree]
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

// Txn is the tables at one moment, with what was written since then in this Txn. One goroutine uses it, unless it only reads.
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

// Mark is a state to which a transaction may go back.
type Mark struct {
	trees    []tree
	replaced int
}

// Mark is the state of now.
func (t *Txn) Mark() Mark {
	t.freeze()
	return Mark{slices.Clone(t.trees), len(t.edit.replaced)}
}

// Back forgets what was written since a mark, which cannot be used again.
func (t *Txn) Back(to Mark) { t.trees, t.edit.replaced = to.trees, t.edit.replaced[:to.replaced] }

// freeze lets all nodes stay as they are.
func (t *Txn) freeze() {
	for i := range t.trees {
		t.trees[i].edition = 0
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
		tree.edition = 0
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

// Put puts a row into a table, in the place of the one with its key.
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
					t.cut(p.first+1+i, old+key)
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
	was := t.cut(p.first, key)
	if was == nil {
		return
	}
	for i := range p.Indexes {
		t.oldKeys = p.Indexes[i].Keys(t.oldKeys[:0], was)
		for _, old := range t.oldKeys {
			t.cut(p.first+1+i, old+key)
		}
	}
}

// put writes to a tree, and gives back the row that was there.
func (t *Txn) put(number int, key string, row any) any {
	tree := t.begin(number)
	root, was := t.edit.put(tree.root, 0, &leaf{key: key, row: row, edition: tree.edition})
	tree.root = root
	if was == nil {
		return nil
	}
	t.edit.retire(was)
	return was.row
}

// cut takes a key out of a tree, and gives back the row that was there.
func (t *Txn) cut(number int, key string) any {
	was, _ := t.trees[number].root.get(key)
	if was == nil {
		return nil
	}
	tree := t.begin(number)
	tree.root = t.edit.cut(tree.root, 0, key)
	t.edit.retire(was)
	return was.row
}

// begin is a tree to write to.
func (t *Txn) begin(number int) *tree {
	if !t.writes {
		panic("table: a snapshot was written to")
	}
	tree := &t.trees[number]
	if tree.edition == 0 {
		t.db.edition++
		tree.edition = t.db.edition
	}
	t.edit.edition = tree.edition
	return tree
}
