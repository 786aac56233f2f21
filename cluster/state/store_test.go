package state

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// world is a store with the clock and the next index of its leader.
type world struct {
	*Store
	t     testing.TB
	index uint64 // of the last command
	now   time.Time
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return &world{Store: New(), t: tb, index: 9, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// try applies one command at the next index.
func (w *world) try(c cluster.Command) (any, error) {
	w.t.Helper()
	w.index++
	r := w.Apply([]Entry{{Index: w.index, Time: w.now, Command: c}})
	return r[0].Value, r[0].Err
}

// do applies one command, which must succeed, and gives its result.
func (w *world) do(c cluster.Command) any {
	w.t.Helper()
	v, err := w.try(c)
	if err != nil {
		w.t.Fatalf("%T at index %d: %v", c, w.index, err)
	}
	return v
}

// refused applies one command, which must fail with a code and a text and leave no trace.
func (w *world) refused(c cluster.Command, code cluster.Code, text string) {
	w.t.Helper()
	before := records(w.t, w.Store)
	_, err := w.try(c)
	if err == nil || cluster.CodeOf(err) != code || !strings.Contains(err.Error(), text) {
		w.t.Errorf("%T gave the error %v (%v), want %v with %q", c, err, cluster.CodeOf(err), code, text)
	}
	if !reflect.DeepEqual(before, records(w.t, w.Store)) {
		w.t.Errorf("%T was refused and left a trace", c)
	}
}

// records is everything a store holds.
func records(tb testing.TB, s *Store) []any {
	tb.Helper()
	var all []any
	err := s.Snapshot().Records(func(r any) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// The commands that most tests need.

func set(key, value string) *cluster.KVWrite {
	return &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}}
}

func verb(v cluster.KVVerb, key string) *cluster.KVWrite {
	return &cluster.KVWrite{Verb: v, Entry: cluster.KVEntry{Key: key}}
}

func lock(key, session string) *cluster.KVWrite {
	return &cluster.KVWrite{Verb: cluster.KVLock, Entry: cluster.KVEntry{Key: key, Session: session}}
}

func node(name string) *cluster.Register {
	return &cluster.Register{Node: cluster.Node{Name: name, Address: "10.0.0.1"}}
}

// service registers an instance whose ID is its name, with a check "service:NAME" in a state.
func service(on, name string, status cluster.Status, tags ...string) *cluster.Register {
	r := node(on)
	r.Service = &cluster.Service{ID: name, Name: name, Tags: tags}
	r.Checks = []*cluster.Check{{ID: "service:" + name, Name: name, ServiceID: name, Status: status}}
	return r
}

func nodeCheck(on, id string, status cluster.Status) *cluster.Register {
	r := node(on)
	r.Checks = []*cluster.Check{{ID: id, Name: id, Status: status}}
	return r
}

func session(id, on string, checks ...string) *cluster.SessionCreate {
	return &cluster.SessionCreate{Session: cluster.Session{ID: id, Node: on, NodeChecks: checks, LockDelay: 15 * time.Second}}
}

func TestBatch(t *testing.T) {
	s := New()
	got := s.Apply([]Entry{
		{Index: 3, Command: set("a", "1")},
		{Index: 4, Command: lock("a", "nobody")},
		{Index: 5, Command: &cluster.KVWrite{Verb: cluster.KVCAS, Entry: cluster.KVEntry{Key: "a", ModifyIndex: 3}}},
		{Index: 6, Command: nil},
		{Index: 7, Command: (*cluster.KVWrite)(nil)},
		{Index: 8, Command: &cluster.NewTerm{Leader: "n1"}},
	})
	if len(got) != 6 || got[0].Value != true || got[2].Value != true || got[5].Err != nil {
		t.Fatalf("results: %+v", got)
	}
	for i, code := range map[int]cluster.Code{1: cluster.Invalid, 3: cluster.Internal, 4: cluster.Internal} {
		if got[i].Err == nil || cluster.CodeOf(got[i].Err) != code {
			t.Errorf("result %d is %+v, want the code %v", i, got[i], code)
		}
	}
	if s.AppliedIndex() != 8 {
		t.Errorf("applied index %d, want 8", s.AppliedIndex())
	}
	s.Skip(9)
	if s.AppliedIndex() != 9 {
		t.Errorf("applied index %d after skipping 9", s.AppliedIndex())
	}
	if s.Apply(nil) != nil || s.AppliedIndex() != 9 {
		t.Error("an empty batch did something")
	}
}

func TestViewIsASnapshot(t *testing.T) {
	w := newWorld(t)
	w.do(set("a", "old"))
	v := w.View()
	w.do(set("a", "new"))
	if e := v.KVGet("a"); string(e.Value) != "old" || v.Index() != 10 {
		t.Errorf("the view shows %q at index %d", e.Value, v.Index())
	}
}

func TestWait(t *testing.T) {
	w := newWorld(t)
	w.do(set("a", "1"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()

	v := w.WatchView()
	if err := v.Wait(ended); err == nil {
		t.Error("a view that was asked nothing had something to wake for")
	}
	v = w.WatchView()
	v.KVGet("a")
	if err := v.Wait(ended); err == nil {
		t.Error("a view woke without a change")
	}
	w.do(set("b", "1"))
	if err := v.Wait(ended); err == nil {
		t.Error("a view woke for another key")
	}
	w.do(set("a", "2"))
	if err := v.Wait(ended); err != nil {
		t.Errorf("a changed answer was found to be the same: %v", err)
	}
}

// TestWaitKeepsNothing holds that who waits does not keep what has been overwritten since they asked.
func TestWaitKeepsNothing(t *testing.T) {
	w := newWorld(t)
	freed := make(chan struct{})
	overwrite := func() *View {
		old := make([]byte, 1<<10)
		runtime.AddCleanup(&old[0], func(freed chan struct{}) { close(freed) }, freed)
		w.do(&cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "busy", Value: old}})
		v := w.WatchView()
		v.KVGet("quiet")
		w.do(set("busy", "new"))
		return v
	}
	v, woken := overwrite(), make(chan error, 1)
	go func() { woken <- v.Wait(t.Context()) }()
	for kept, end := true, time.Now().Add(30*time.Second); kept; {
		runtime.GC()
		select {
		case <-freed:
			kept = false
		case <-time.After(time.Millisecond):
			if time.Now().After(end) {
				t.Fatal("a value that was overwritten is still kept")
			}
		}
	}
	w.do(set("quiet", "1"))
	if err := <-woken; err != nil {
		t.Error(err)
	}
}

// TestWaitWakes holds that waiters wake whether they asked one thing, many things, or something that does not exist.
func TestWaitWakes(t *testing.T) {
	for name, ask := range map[string]func(*View){
		"one":     func(v *View) { v.KVGet("a") },
		"missing": func(v *View) { v.KVGet("new") },
		"below":   func(v *View) { v.KVList("n") },
		"many": func(v *View) {
			for _, k := range []string{"a", "b", "c", "new"} {
				v.KVGet(k)
			}
			v.Nodes()
			v.Services()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.do(set("a", "1"))
			v := w.WatchView()
			ask(v)
			woken := make(chan error, 1)
			go func() { woken <- v.Wait(t.Context()) }()
			for _, k := range []string{"ne", "a", "new"} { // neighbours first
				w.do(set(k, "2"))
			}
			select {
			case err := <-woken:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Error("nobody woke")
			}
		})
	}
}
