package state

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"
	"time"

	"holdfast/cluster"
)

// restored is a new store with the records of another.
func restored(tb testing.TB, from *Store) *Store {
	tb.Helper()
	to := New()
	sn, r := from.Snapshot(), to.Restore()
	if err := sn.Records(func(rec any) error { return r.Add(copied(rec)) }); err != nil {
		tb.Fatal(err)
	}
	r.Commit(sn.Index)
	return to
}

// copied is a record as a decoder would make it: not the same pointer.
func copied(record any) any {
	c := reflect.New(reflect.TypeOf(record).Elem())
	c.Elem().Set(reflect.ValueOf(record).Elem())
	return c.Interface()
}

func TestRestoreGivesTheSameAnswers(t *testing.T) {
	w := settled(t)
	w.do(&cluster.NameCluster{ID: "id-1"})
	w.do(verb(cluster.KVDelete, "a/b"))
	w.do(&cluster.SessionDestroy{ID: "s1"})
	w.do(&cluster.Deregister{Node: "n2"})
	w.do(&cluster.DeleteGroup{Name: "g"})
	s := restored(t, w.Store)
	if s.AppliedIndex() != w.index {
		t.Errorf("applied index %d, want %d", s.AppliedIndex(), w.index)
	}
	if a, b := records(t, w.Store), records(t, s); !reflect.DeepEqual(a, b) {
		t.Errorf("the records differ:\n%s", difference(a, b))
	}
	for name, ask := range questions {
		a, b := w.View(), s.View()
		if x, y := ask(a), ask(b); !reflect.DeepEqual(x, y) || a.Index() != b.Index() {
			t.Errorf("%s: %+v at %d, after the restore %+v at %d", name, x, a.Index(), y, b.Index())
		}
	}
	if left := s.View().LockDelay("x", w.now); left == 0 {
		t.Error("the lock delay is lost")
	}
	w.Store = s
	w.do(&cluster.PutGroup{Group: group("g", "10.0.0.100/24")})
	if a := s.View().Assignment("g"); a == nil || a.Epoch != 2 {
		t.Errorf("the epoch is lost: %+v", a)
	}
}

// TestEveryTableIsStreamed holds that a record of each kind survives.
func TestEveryTableIsStreamed(t *testing.T) {
	w := settled(t)
	w.do(&cluster.NameCluster{ID: "id-1"})
	w.do(&cluster.PutAutopilot{Config: autopilot(5)})
	w.do(&cluster.SetCARoot{Root: caRoot("a")})
	w.do(&cluster.SessionDestroy{ID: "s1"})
	w.do(session("s1", "n1"))
	w.do(verb(cluster.KVDelete, "a/b"))
	kinds := map[string]int{}
	for _, r := range records(t, w.Store) {
		kinds[fmt.Sprintf("%T", r)]++
	}
	if len(kinds) != len(schema()) {
		t.Errorf("%d kinds of records of %d tables: %v", len(kinds), len(schema()), kinds)
	}
}

// TestWritesDuringASnapshot holds that a snapshot shows its own moment while writes go on, and that those do not wait for it.
func TestWritesDuringASnapshot(t *testing.T) {
	w := settled(t)
	want := records(t, w.Store)
	sn := w.Snapshot()
	index := w.index
	var got []any
	err := sn.Records(func(r any) error {
		got = append(got, r)
		w.do(set("a/b", strconv.Itoa(len(got))))
		w.do(service("n1", fmt.Sprint("new", len(got)), cluster.Passing))
		w.do(&cluster.Deregister{Node: "n2"})
		return nil
	})
	if err != nil || sn.Index != index || !sameRecords(got, want) {
		t.Errorf("error %v, index %d, want %d; the same records: %v", err, sn.Index, index, sameRecords(got, want))
	}
}

func TestRecordsStopsAtAnError(t *testing.T) {
	w := settled(t)
	total := len(records(t, w.Store))
	full := errors.New("disk full")
	for stop := 1; stop <= total; stop++ {
		n := 0
		err := w.Snapshot().Records(func(any) error {
			if n++; n == stop {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || n != stop {
			t.Fatalf("stopped at record %d with %v, want %d", n, err, stop)
		}
	}
}

func TestRestoreWakesEveryone(t *testing.T) {
	w := settled(t)
	other := settled(t)
	v, old, replaced := w.WatchView(), w.View(), w.Replaced()
	v.KVGet("b")
	done := make(chan error, 2)
	go func() { done <- v.Wait(t.Context()) }()
	go func() { done <- w.WaitApplied(t.Context(), 90) }()

	aborted := w.Restore()
	aborted.Abort()
	aborted.Commit(80)
	r := w.Restore()
	if err := other.Snapshot().Records(r.Add); err != nil {
		t.Fatal(err)
	}
	if isClosed(replaced) || w.View().KVGet("b") == nil || w.AppliedIndex() != w.index {
		t.Error("a restore that is not committed can be seen")
	}
	r.Commit(90)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if !isClosed(replaced) || isClosed(w.Replaced()) || w.AppliedIndex() != 90 {
		t.Errorf("replaced is closed: %v; applied index %d", isClosed(replaced), w.AppliedIndex())
	}
	if e := old.KVGet("b"); e == nil {
		t.Error("a view of the former content has lost it")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Wait(ended); err != nil {
		t.Errorf("a view of the former content waits: %v", err)
	}
	if err := r.Add(&cluster.KVEntry{Key: "late"}); err == nil {
		t.Error("a record was added after the end")
	}
}

func TestRestoreRefuses(t *testing.T) {
	for name, record := range map[string]any{
		"nothing":                    nil,
		"another type":               "text",
		"a value":                    cluster.KVEntry{Key: "k"},
		"a nil entry":                (*cluster.KVEntry)(nil),
		"a nil row":                  (*IndexRow)(nil),
		"a nil node":                 (*cluster.Node)(nil),
		"a nil transition":           (*cluster.Transition)(nil),
		"a service without its node": &cluster.Service{Node: "n9", ID: "web", Name: "web"},
		"a check without its node":   &cluster.Check{Node: "n9", ID: "c"},
		"a check without a service":  &cluster.Check{Node: "n1", ID: "c", ServiceID: "none"},
		"a session without a node":   &cluster.Session{ID: "s", Node: "n9"},
		"an assignment of no group":  &cluster.Assignment{Group: "none"},
		"a coordinate of no node":    &cluster.NodeCoordinate{Node: "n9", Coordinate: at("n9", 1).Coordinate},
		"a coordinate of no use":     &cluster.NodeCoordinate{Node: "n1"},
		"an impossible autopilot":    &cluster.Autopilot{},
		"a root that is none":        &cluster.CARoot{ID: "a", TrustDomain: "b", Cert: "c"},
		"a query without a session":  &cluster.PreparedQuery{ID: "q", Name: "a", Session: "s"},
		"a NUL in a name":            &cluster.Node{Name: "n\x00"},
	} {
		s := New()
		r := s.Restore()
		if err := r.Add(&cluster.Node{Name: "n1"}); err != nil {
			t.Fatal(err)
		}
		if err := r.Add(record); cluster.CodeOf(err) != cluster.Invalid {
			t.Errorf("%s: error %v", name, err)
		}
		r.Abort()
	}
}

// FuzzRestore adds records with any content and asks everything of what comes of it.
func FuzzRestore(f *testing.F) {
	f.Add(uint8(0), "n1", "web", "10.0.0.1", uint64(5))
	f.Add(uint8(4), "n1", "service.web", "\x00", uint64(1)<<63)
	f.Add(uint8(8), "node.n1", "", "ü", uint64(0))
	f.Fuzz(func(t *testing.T, order uint8, a, b, c string, n uint64) {
		all := []any{
			&IndexRow{Name: a, Index: n}, &IndexRow{Name: ofService + b, Index: n}, &IndexRow{Name: setServices, Index: n}, &Tombstone{Table: a, Key: b, Index: n},
			&cluster.Node{Name: a, ID: b, Address: c}, &cluster.Service{Node: a, ID: b, Name: c, Address: c}, &cluster.Service{Node: a, ID: c, Name: b},
			&cluster.Check{Node: a, ID: b, ServiceID: c, ServiceName: b, Status: cluster.Status(c)}, &cluster.Session{ID: b, Node: a, NodeChecks: []string{c}},
			&cluster.KVEntry{Key: a, Session: b, ModifyIndex: n}, &LockDelay{Key: a}, &cluster.Group{Name: a}, &cluster.Assignment{Group: a, Epoch: n},
			&LastEpoch{Group: a, Epoch: n}, &cluster.Presence{Node: b}, &cluster.Transition{Group: b, Index: n, Seq: int(order)},
			&cluster.PreparedQuery{ID: a, Name: c, Session: b}, &cluster.Autopilot{MinQuorum: n, MaxTrailingLogs: n, LastContactThreshold: 1}, &cluster.CARoot{ID: a, Cert: b},
			&cluster.NodeCoordinate{Node: a, Coordinate: at(a, float64(n)).Coordinate},
		}
		s := New()
		r := s.Restore()
		for i := range all {
			_ = r.Add(copied(all[(i+int(order))%len(all)]))
		}
		over := s.Restore()
		for i := range all {
			_ = over.Add(all[(i+int(order))%len(all)])
		}
		r.Commit(n)
		if err := over.Supersede(n+10, n, time.Unix(1, 0)); err == nil {
			n += 10
		}
		for _, ask := range questions {
			ask(s.View())
		}
		v := s.View()
		for _, i := range v.ServiceInstances(b) {
			if i.Node == nil || i.Service == nil {
				t.Errorf("an instance without a node or service: %+v", i)
			}
		}
		s.Apply([]Entry{
			{Index: n + 1, Command: service(a, b, cluster.Critical)},
			{Index: n + 2, Command: &cluster.Deregister{Node: a}},
			{Index: n + 3, Command: &cluster.SessionDestroy{ID: b}},
			{Index: n + 4, Command: verb(cluster.KVDeleteTree, "")},
			{Index: n + 5, Command: &cluster.ReapTombstones{Index: n}},
		})
	})
}
