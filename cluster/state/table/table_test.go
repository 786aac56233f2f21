package table_test

import (
	"fmt"
	"maps"
	"math/rand"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/cluster/state/table"
)

type row struct{ key, group, value string }

func newDB() *table.DB {
	return table.New(
		table.Table{Name: "other", Key: func(r any) string { return r.(*row).key }},
		table.Table{Name: "rows", Key: func(r any) string { return r.(*row).key }, Indexes: []table.Index{
			{Name: "group", Keys: func(keys []string, r any) []string {
				if g := r.(*row).group; g != "" {
					keys = append(keys, g+".")
				}
				return keys
			}},
			{Name: "letters", Keys: func(keys []string, r any) []string { return append(keys, strings.Split(r.(*row).value, "")...) }},
		}},
	)
}

// model is what the table should hold.
type model map[string]row

// below is what an index should have below a prefix, in order.
func (m model) below(index, prefix string) []row {
	type found struct {
		key string
		row row
	}
	var all []found
	for _, k := range slices.Sorted(maps.Keys(m)) {
		r := m[k]
		switch index {
		case "":
			all = append(all, found{k, r})
		case "group":
			if r.group != "" {
				all = append(all, found{r.group + "." + k, r})
			}
		case "letters":
			for l := range strings.SplitSeq(r.value, "") {
				all = append(all, found{l + k, r})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return strings.Compare(a.key, b.key) })
	var rows []row
	for _, f := range all {
		if strings.HasPrefix(f.key, prefix) {
			rows = append(rows, f.row)
		}
	}
	return rows
}

func read(txn *table.Txn, index, prefix string) []row {
	var rows []row
	for r := range txn.Below("rows", index, prefix) {
		rows = append(rows, *r.(*row))
	}
	return rows
}

// watched is an answer that somebody waits to see changed.
type watched struct {
	key, prefix string // a key, or else a prefix of an index
	index       string
	rows        []row
	changed     <-chan struct{}
}

func (w watched) ask(txn *table.Txn) (rows []row, changed *table.Signal) {
	if w.index == "" && w.prefix == "" {
		r, changed := txn.Watch("rows", w.key)
		if r == nil {
			return nil, changed
		}
		return []row{*r.(*row)}, changed
	}
	all, changed := txn.WatchBelow("rows", w.index, w.prefix)
	for r := range all {
		rows = append(rows, *r.(*row))
	}
	return rows, changed
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// game plays random transactions, of which some are gone back on or aborted, against a model. Whoever waits must be woken by each change of what they
// saw, and old snapshots stay.
func game(t *testing.T, seed int64, steps int) {
	rnd := rand.New(rand.NewSource(seed))
	key := func() string {
		b := make([]byte, rnd.Intn(4))
		for i := range b {
			b[i] = "ab\x00"[rnd.Intn(3)]
		}
		return string(b)
	}
	db, want := newDB(), model{}
	var waiting []watched
	for range steps {
		before, was := db.Read(), maps.Clone(want)
		for range 4 {
			w := watched{key: key()}
			if rnd.Intn(2) == 0 {
				w = watched{prefix: "a" + key(), index: []string{"", "group", "letters"}[rnd.Intn(3)]}
			}
			rows, changed := w.ask(before)
			w.rows, w.changed = rows, changed.Changed()
			waiting = append(waiting, w)
		}
		txn := db.Write()
		write := func(m model) {
			for range 1 + rnd.Intn(4) {
				switch r := (row{key(), []string{"", "a", "ab"}[rnd.Intn(3)], []string{"", "a", "ab", "ba/"}[rnd.Intn(4)]}); {
				case rnd.Intn(3) == 0:
					txn.Delete("rows", &r)
					delete(m, r.key)
				default:
					txn.Put("rows", &r)
					m[r.key] = r
				}
				if rnd.Intn(3) == 0 { // a look at what was written so far
					k := key()
					want, is := m[k]
					if got, _ := txn.Row("rows", k).(*row); (got != nil) != is || is && *got != want {
						t.Fatalf("seed %d: in a transaction, %q is %q, want %q", seed, k, got, want)
					}
				}
				if rnd.Intn(4) == 0 {
					if got := read(txn, "", ""); !slices.Equal(got, m.below("", "")) {
						t.Fatalf("seed %d: in a transaction there is %q, want %q", seed, got, m)
					}
				}
			}
		}
		write(want)
		if rnd.Intn(2) == 0 {
			before := txn.Savepoint()
			write(maps.Clone(want))
			txn.RollbackTo(before)
		}
		if rnd.Intn(4) == 0 {
			write(want)
		}
		if rnd.Intn(5) == 0 {
			txn.Abort()
			want = was
			for _, w := range waiting {
				if closed(w.changed) {
					t.Fatalf("seed %d: %q was woken by what was aborted", seed, w.rows)
				}
			}
		} else {
			txn.Commit()
		}
		for _, index := range []string{"", "group", "letters"} {
			p := key()
			if got := read(db.Read(), index, p); !slices.Equal(got, want.below(index, p)) {
				t.Fatalf("seed %d: below %q of %q there is %q, want %q", seed, p, index, got, want.below(index, p))
			}
			if got := read(before, index, ""); !slices.Equal(got, was.below(index, "")) {
				t.Fatalf("seed %d: a snapshot of %q became %q", seed, was.below(index, ""), got)
			}
		}
		var still []watched
		for _, w := range waiting {
			rows, changed := w.ask(db.Read())
			switch {
			case !slices.Equal(rows, w.rows) && !closed(w.changed):
				t.Fatalf("seed %d: %q below %q of %q was %q and became %q, and nobody was woken", seed, w.key, w.prefix, w.index, w.rows, rows)
			case closed(w.changed) && closed(changed.Changed()):
				t.Fatalf("seed %d: %q below %q of %q is asked again, and its signal has been given already", seed, w.key, w.prefix, w.index)
			case !closed(w.changed):
				still = append(still, w)
			}
		}
		waiting = still
	}
}

func TestGame(t *testing.T) {
	t.Parallel()
	for seed := range int64(300) {
		game(t, seed, 60)
	}
}

func FuzzGame(f *testing.F) {
	f.Add(int64(1))
	f.Fuzz(func(t *testing.T, seed int64) { game(t, seed, 100) })
}

// TestNeighbours holds that who waits for one key, or one prefix, is not woken by every other.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	db := newDB()
	put := func(key string) {
		txn := db.Write()
		txn.Put("rows", &row{key: key})
		txn.Commit()
	}
	for _, k := range []string{"app/a", "app/b", "app/bb", "config/x", "lock"} {
		put(k)
	}
	for _, w := range []watched{{key: "app/a"}, {key: "app/b"}, {key: "lock"}, {key: "config/y"}, {prefix: "config/"}, {prefix: "lo"}} {
		_, changed := w.ask(db.Read())
		put("app/a" + fmt.Sprint(w))
		put("other")
		put("app/bb")
		if closed(changed.Changed()) != (w.key == "app/a") { // it made way for a node
			t.Errorf("%+v was woken: %v", w, closed(changed.Changed()))
		}
	}
}

// TestWritesMeanwhile holds that who goes through rows sees those that there were at first, whatever is written meanwhile.
func TestWritesMeanwhile(t *testing.T) {
	t.Parallel()
	txn, want := newDB().Write(), model{}
	for i := range 200 {
		r := row{key: strconv.Itoa(i)}
		want[r.key] = r
		txn.Put("rows", &r)
	}
	var got []row
	for r := range txn.Below("rows", "", "1") {
		got = append(got, *r.(*row))
		txn.Delete("rows", r)
		txn.Put("rows", &row{key: "1" + strconv.Itoa(len(got)) + "0"})
	}
	if !slices.Equal(got, want.below("", "1")) {
		t.Errorf("there was %v, want %v", got, want.below("", "1"))
	}
	txn.Abort()
}

// TestWaiters holds that nobody who waits while others write misses the last word, and that nobody sees a part of a transaction.
func TestWaiters(t *testing.T) {
	t.Parallel()
	const last = 2_000
	db, ended := newDB(), make(chan string)
	wait := func(w watched) string {
		for seen := -1; ; {
			txn := db.Read()
			rows, changed := w.ask(txn)
			all, end := read(txn, "group", "all."), txn.Row("rows", "end")
			for _, r := range all {
				if r.value != all[0].value {
					return fmt.Sprintf("there are parts of two transactions: %v", all)
				}
			}
			if end != nil && (len(rows) > 0) == (w.key != "never") {
				return ""
			}
			if len(all) > 0 {
				n, err := strconv.Atoi(all[0].value)
				if err != nil || n < seen {
					return fmt.Sprintf("%v came after %d", all, seen)
				}
				seen = n
			}
			_, finished := txn.Watch("rows", "end")
			select {
			case <-changed.Changed():
			case <-finished.Changed():
			case <-time.After(time.Minute):
				return fmt.Sprintf("%+v was never woken", w)
			}
		}
	}
	waiting := []watched{{key: "end"}, {key: "never"}, {key: "a"}, {prefix: "aa"}, {prefix: "aaa", key: "never"}, {prefix: "all.", index: "group"}}
	for _, w := range waiting {
		go func() { ended <- wait(w) }()
	}
	rnd := rand.New(rand.NewSource(1))
	for i := range last {
		txn := db.Write()
		for r := range txn.Below("rows", "", "") {
			if rnd.Intn(3) == 0 {
				txn.Delete("rows", r)
			} else {
				txn.Put("rows", &row{r.(*row).key, "all", strconv.Itoa(i)})
			}
		}
		for range 3 {
			txn.Put("rows", &row{strings.Repeat("a", rnd.Intn(3)) + string("b\x00"[rnd.Intn(2)]), "all", strconv.Itoa(i)})
		}
		txn.Commit()
	}
	txn := db.Write()
	for r := range txn.Below("rows", "", "") {
		txn.Delete("rows", r)
	}
	for _, k := range []string{"a", "aab", "end"} {
		txn.Put("rows", &row{k, "all", strconv.Itoa(last)})
	}
	txn.Commit()
	for range waiting {
		if err := <-ended; err != "" {
			t.Error(err)
		}
	}
}

// TestDeletedRowsAreFreed holds that nothing of the last transaction keeps the rows that it deleted.
func TestDeletedRowsAreFreed(t *testing.T) {
	t.Parallel()
	const n = 100
	db, freed := newDB(), make(chan struct{}, n)
	txn := db.Write()
	for i := range n {
		r := &row{key: strconv.Itoa(i), group: "a", value: "ab"}
		runtime.AddCleanup(r, func(struct{}) { freed <- struct{}{} }, struct{}{})
		txn.Put("rows", r)
	}
	txn.Commit()
	txn = db.Write()
	for r := range txn.Below("rows", "", "") {
		txn.Delete("rows", r)
	}
	txn.Commit()
	for i := range n {
		runtime.GC()
		select {
		case <-freed:
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d rows are still kept", n-i, n)
		}
	}
	runtime.KeepAlive(db)
}

func TestSnapshotIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a snapshot was written to")
		}
	}()
	newDB().Read().Put("rows", &row{key: "k"})
}

func BenchmarkPut(b *testing.B) {
	db := newDB()
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("app/%06d", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		txn := db.Write()
		for j := range 64 {
			txn.Put("other", &row{key: keys[(i*64+j)%len(keys)]})
		}
		txn.Commit()
	}
}
