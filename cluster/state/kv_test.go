package state

import (
	"bytes"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"holdfast/cluster"
)

// TestVerbs runs verbs on the key k, which is at index 20 with the value "old", LockIndex 2, flags 7, held by s1 where locked.
func TestVerbs(t *testing.T) {
	const free, held, none = "free", "held by s1", "no key"
	type want struct {
		result  bool
		index   uint64 // ModifyIndex after the verb at index 30, 0: the key is gone
		session string
		locks   uint64
		value   string
	}
	kept := want{false, 20, "s1", 2, "old"}
	for _, c := range []struct {
		name  string
		state string
		verb  cluster.KVVerb
		entry cluster.KVEntry
		want  want
	}{
		{"set creates", none, cluster.KVSet, cluster.KVEntry{}, want{true, 30, "", 0, "new"}},
		{"set changes, and forgets how often it was locked", free, cluster.KVSet, cluster.KVEntry{}, want{true, 30, "", 0, "new"}},
		{"set leaves the session", held, cluster.KVSet, cluster.KVEntry{Session: "s2"}, want{true, 30, "s1", 0, "new"}},
		{"cas creates with 0", none, cluster.KVCAS, cluster.KVEntry{}, want{true, 30, "", 0, "new"}},
		{"cas does not create with an index", none, cluster.KVCAS, cluster.KVEntry{ModifyIndex: 20}, want{}},
		{"cas with 0 leaves a key alone", held, cluster.KVCAS, cluster.KVEntry{}, kept},
		{"cas with another index leaves a key alone", held, cluster.KVCAS, cluster.KVEntry{ModifyIndex: 19}, kept},
		{"cas changes", held, cluster.KVCAS, cluster.KVEntry{ModifyIndex: 20}, want{true, 30, "s1", 0, "new"}},
		{"lock creates", none, cluster.KVLock, cluster.KVEntry{Session: "s1"}, want{true, 30, "s1", 1, "new"}},
		{"lock takes a free key", free, cluster.KVLock, cluster.KVEntry{Session: "s2"}, want{true, 30, "s2", 3, "new"}},
		{"lock again by the holder counts once", held, cluster.KVLock, cluster.KVEntry{Session: "s1"}, want{true, 30, "s1", 2, "new"}},
		{"lock of a held key fails", held, cluster.KVLock, cluster.KVEntry{Session: "s2"}, kept},
		{"unlock by the holder", held, cluster.KVUnlock, cluster.KVEntry{Session: "s1"}, want{true, 30, "", 2, "new"}},
		{"unlock by another fails", held, cluster.KVUnlock, cluster.KVEntry{Session: "s2"}, kept},
		{"unlock of a free key fails", free, cluster.KVUnlock, cluster.KVEntry{Session: "s1"}, want{false, 20, "", 2, "old"}},
		{"unlock of no key fails", none, cluster.KVUnlock, cluster.KVEntry{Session: "s1"}, want{}},
		{"delete", held, cluster.KVDelete, cluster.KVEntry{}, want{result: true}},
		{"delete of no key", none, cluster.KVDelete, cluster.KVEntry{}, want{result: true}},
		{"delete-cas", held, cluster.KVDeleteCAS, cluster.KVEntry{ModifyIndex: 20}, want{result: true}},
		{"delete-cas with another index", held, cluster.KVDeleteCAS, cluster.KVEntry{ModifyIndex: 21}, kept},
		{"delete-cas with 0 leaves a key alone", held, cluster.KVDeleteCAS, cluster.KVEntry{}, kept},
		{"delete-cas of no key", none, cluster.KVDeleteCAS, cluster.KVEntry{ModifyIndex: 20}, want{result: true}},
		{"delete-tree", held, cluster.KVDeleteTree, cluster.KVEntry{}, want{result: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.do(node("n1"))
			w.do(session("s1", "n1"))
			w.do(session("s2", "n1"))
			if c.state != none {
				entry := &cluster.KVEntry{Key: "k", Value: []byte("old"), Flags: 7, LockIndex: 2, CreateIndex: 15, ModifyIndex: 20}
				if c.state == held {
					entry.Session = "s1"
				}
				w.plant(entry)
			}
			w.index = 29
			c.entry.Key, c.entry.Value, c.entry.Flags = "k", []byte("new"), 8
			got := w.do(&cluster.KVWrite{Verb: c.verb, Entry: c.entry})
			e := w.View().KVGet("k")
			if e == nil {
				e = &cluster.KVEntry{}
			}
			if g := (want{got.(bool), e.ModifyIndex, e.Session, e.LockIndex, string(e.Value)}); g != c.want {
				t.Errorf("got %+v, want %+v", g, c.want)
			}
			if e.ModifyIndex == 30 && (e.Flags != 8 || e.CreateIndex != map[string]uint64{none: 30, free: 15, held: 15}[c.state]) {
				t.Errorf("flags %d and CreateIndex %d", e.Flags, e.CreateIndex)
			}
		})
	}
}

// plant puts an entry into the store as a restore would.
func (w *world) plant(e *cluster.KVEntry) {
	w.t.Helper()
	r := w.Restore()
	for _, rec := range append(records(w.t, w.Store), e) {
		if err := r.Add(rec); err != nil {
			w.t.Fatal(err)
		}
	}
	r.Commit(w.index)
}

func TestRefusedKVWrites(t *testing.T) {
	w := newWorld(t)
	w.do(set("k", "v"))
	w.refused(set("", "v"), cluster.Invalid, "Missing key name")
	w.refused(lock("k", "nobody"), cluster.Invalid, `invalid session "nobody"`)
	w.refused(lock("k", ""), cluster.Invalid, "missing session")
	w.refused(verb(cluster.KVUnlock, "k"), cluster.Invalid, "missing session")
	w.refused(verb("steal", "k"), cluster.Invalid, `"steal"`)
	w.refused(set("k", strings.Repeat("x", cluster.MaxValueSize+1)), cluster.TooLarge, "524288")
	w.do(set("k", strings.Repeat("x", cluster.MaxValueSize)))
}

func TestUnchangedSetKeepsItsIndex(t *testing.T) {
	w := newWorld(t)
	w.do(node("n1"))
	w.do(session("s1", "n1"))
	w.do(lock("k", "s1")) // index 12
	v := w.WatchView()
	v.KVGet("k")
	w.do(lock("k", "s1"))
	if v.r.moved() || v.KVGet("k").ModifyIndex != 12 {
		t.Error("renewing a lock with the same value moved its index")
	}
	w.do(verb(cluster.KVSet, "k")) // resets the LockIndex
	if e := w.View().KVGet("k"); e.ModifyIndex != 14 || e.LockIndex != 0 || e.Session != "s1" {
		t.Errorf("a plain set of a locked key gives %+v", e)
	}
	w.do(verb(cluster.KVSet, "k"))
	if e := w.View().KVGet("k"); e.ModifyIndex != 14 {
		t.Errorf("the same set once more moved the index to %d", e.ModifyIndex)
	}
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	for _, k := range []string{"a", "a/", "a/b", "a/b/c", "a/b/d", "a//x", "a/z", "ab", "b", "/lead", "a/\x00", "ü", "a b"} {
		w.do(set(k, "v"))
	}
	for _, c := range []struct {
		prefix, separator string
		want              []string
	}{
		{"", "", []string{"/lead", "a", "a b", "a/", "a/\x00", "a//x", "a/b", "a/b/c", "a/b/d", "a/z", "ab", "b", "ü"}},
		{"a/", "", []string{"a/", "a/\x00", "a//x", "a/b", "a/b/c", "a/b/d", "a/z"}},
		{"a/", "/", []string{"a/", "a/\x00", "a//", "a/b", "a/b/", "a/z"}},
		{"", "/", []string{"/", "a", "a b", "a/", "ab", "b", "ü"}},
		{"a/b", "/", []string{"a/b", "a/b/"}},
		{"a", "b", []string{"a", "a b", "a/", "a/\x00", "a//x", "a/b", "a/z", "ab"}},
		{"none", "/", nil},
	} {
		if got := w.View().KVKeys(c.prefix, c.separator); !reflect.DeepEqual(got, c.want) {
			t.Errorf("keys below %q up to %q: %q, want %q", c.prefix, c.separator, got, c.want)
		}
		if c.separator == "" {
			list := w.View().KVList(c.prefix)
			for i, e := range list {
				if e.Key != c.want[i] {
					t.Errorf("entry %d below %q is %q, want %q", i, c.prefix, e.Key, c.want[i])
				}
			}
		}
	}
}

// naive is the key/value store in the plainest form: maps, and every key looked at each time.
type naive struct {
	keys map[string]cluster.KVEntry
}

func (n naive) write(index uint64, c *cluster.KVWrite) bool {
	e := c.Entry
	had, exists := n.keys[e.Key]
	next := cluster.KVEntry{Key: e.Key, Value: e.Value, Flags: e.Flags, CreateIndex: index, ModifyIndex: index}
	if exists {
		next.CreateIndex = had.CreateIndex
	}
	switch c.Verb {
	case cluster.KVDeleteTree:
		for k := range n.keys {
			if strings.HasPrefix(k, e.Key) {
				delete(n.keys, k)
			}
		}
		return true
	case cluster.KVDelete:
		delete(n.keys, e.Key)
		return true
	case cluster.KVDeleteCAS:
		if exists && had.ModifyIndex != e.ModifyIndex {
			return false
		}
		delete(n.keys, e.Key)
		return true
	case cluster.KVCAS:
		if had.ModifyIndex != e.ModifyIndex {
			return false
		}
		next.Session = had.Session
	case cluster.KVSet:
		next.Session = had.Session
	case cluster.KVLock:
		if had.Session != "" && had.Session != e.Session {
			return false
		}
		next.Session, next.LockIndex = e.Session, had.LockIndex
		if had.Session == "" {
			next.LockIndex++
		}
	case cluster.KVUnlock:
		if had.Session == "" || had.Session != e.Session {
			return false
		}
		next.LockIndex = had.LockIndex
	}
	if same := exists && had.Session == next.Session && had.LockIndex == next.LockIndex && had.Flags == next.Flags && bytes.Equal(had.Value, next.Value); !same {
		n.keys[e.Key] = next
	}
	return true
}

func TestVerbsAgainstNaive(t *testing.T) {
	verbs := []cluster.KVVerb{cluster.KVSet, cluster.KVCAS, cluster.KVLock, cluster.KVUnlock, cluster.KVDelete, cluster.KVDeleteCAS, cluster.KVDeleteTree}
	keys := []string{"a", "a/", "a/b", "a/b/c", "b", "b/c"}
	for seed := range int64(20) {
		rnd := rand.New(rand.NewSource(seed))
		w := newWorld(t)
		w.do(node("n1"))
		w.do(session("s1", "n1"))
		w.do(session("s2", "n1"))
		model := naive{map[string]cluster.KVEntry{}}
		for range 500 {
			c := &cluster.KVWrite{Verb: verbs[rnd.Intn(len(verbs))], Entry: cluster.KVEntry{
				Key: keys[rnd.Intn(len(keys))], Value: []byte{byte(rnd.Intn(2))}, Flags: uint64(rnd.Intn(2)), Session: []string{"s1", "s2"}[rnd.Intn(2)],
			}}
			if rnd.Intn(3) > 0 {
				c.Entry.ModifyIndex = model.keys[c.Entry.Key].ModifyIndex
			}
			got := w.do(c)
			if want := model.write(w.index, c); got != want {
				t.Fatalf("seed %d, index %d: %s of %q gave %v, want %v", seed, w.index, c.Verb, c.Entry.Key, got, want)
			}
			for _, k := range keys {
				var got cluster.KVEntry
				if e := w.View().KVGet(k); e != nil {
					got = *e
				}
				if want := model.keys[k]; !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d, index %d: after %s of %q, key %q is\n%+v, want\n%+v", seed, w.index, c.Verb, c.Entry.Key, k, got, want)
				}
			}
		}
	}
}
