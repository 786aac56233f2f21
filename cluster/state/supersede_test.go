package state

import (
	"math/rand"
	"reflect"
	"slices"
	"testing"
	"time"

	"holdfast/cluster"
)

// supersede restores the records of another store as an operator does, at the next index.
func (w *world) supersede(from *Store) error {
	w.t.Helper()
	w.index++
	return supersede(w.t, w.Store, from, w.index, w.now)
}

func supersede(tb testing.TB, s, from *Store, index uint64, now time.Time) error {
	tb.Helper()
	sn, r := from.Snapshot(), s.Restore()
	if err := sn.Records(func(rec any) error { return r.Add(copied(rec)) }); err != nil {
		tb.Fatal(err)
	}
	return r.Supersede(index, sn.StateIndex(), now)
}

func (w *world) mustSupersede(from *Store) {
	w.t.Helper()
	if err := w.supersede(from); err != nil {
		w.t.Fatal(err)
	}
}

// TestSupersedeReplacesWhatIsAnybodys holds that keys, sessions, groups and nodes without an agent are the snapshot's afterwards.
func TestSupersedeReplacesWhatIsAnybodys(t *testing.T) {
	w := settled(t)
	archive := restored(t, w.Store)
	for _, c := range []cluster.Command{
		set("a/b", "2"), set("new", "1"), verb(cluster.KVDelete, "b"), &cluster.SessionDestroy{ID: "s1"},
		&cluster.Deregister{Node: "n2"}, bare("n3", "other"), &cluster.DeleteGroup{Name: "h"}, &cluster.PutGroup{Group: group("i", "10.0.0.109/24")},
	} {
		w.do(c)
	}
	replaced := w.Replaced()
	w.mustSupersede(archive)
	v := w.View()
	if e := v.KVGet("a/b"); e == nil || string(e.Value) != "1" || e.ModifyIndex != w.index {
		t.Errorf("a/b is %+v, want the snapshot's value at %d", e, w.index)
	}
	if v.KVGet("new") != nil || v.KVGet("b") == nil {
		t.Error("the keys are not the snapshot's")
	}
	if e := v.KVGet("x"); e == nil || e.Session != "s1" || v.Session("s1") == nil {
		t.Errorf("the lock is not the snapshot's: %+v", e)
	}
	wantNames(t, "nodes", nodeNames(v), "n1", "n2")
	wantNames(t, "groups", names(v.Groups(), func(g *cluster.Group) string { return g.Name }), "g", "h")
	if !isClosed(replaced) || isClosed(w.Replaced()) || w.AppliedIndex() != w.index {
		t.Errorf("readers were not told; applied index %d", w.AppliedIndex())
	}
	for name, ask := range questions {
		v := w.View()
		if ask(v); v.Index() != w.index {
			t.Errorf("%s: index %d, want %d", name, v.Index(), w.index)
		}
	}
}

// TestSupersedeKeepsAgents holds that a node with an agent stays as it is, and that one whose agent is gone is critical.
func TestSupersedeKeepsAgents(t *testing.T) {
	w := settled(t)
	w.do(nodeCheck("n1", "disk", cluster.Critical))
	w.do(nodeCheck("gone", cluster.SerfHealth, cluster.Passing))
	w.do(session("s2", "gone", cluster.SerfHealth))
	w.do(lock("y", "s2"))
	archive := restored(t, w.Store)
	w.do(&cluster.Deregister{Node: "gone"})
	w.do(nodeCheck("n1", "disk", cluster.Passing))
	w.do(&cluster.Deregister{Node: "n1", ServiceID: "db"})
	w.do(service("n1", "api", cluster.Passing))
	w.do(nodeCheck("late", cluster.SerfHealth, cluster.Passing))
	services, checks := ids(w.View())
	w.mustSupersede(archive)
	v := w.View()
	if s, c := ids(v); !slices.Equal(s, services) || !slices.Equal(c, checks) {
		t.Errorf("n1 has %v and %v, want what its agent says: %v and %v", s, c, services, checks)
	}
	if v.Node("late") == nil {
		t.Error("a member that joined after the snapshot is gone")
	}
	if c := v.NodeChecks("gone"); len(c) != 1 || c[0].Status != cluster.Critical {
		t.Errorf("a node without its agent: %+v, want it critical", c)
	}
	if e := v.KVGet("y"); v.Session("s2") != nil || e == nil || e.Session != "" {
		t.Errorf("the session of a node that is gone lives on, and holds %+v", e)
	}
	if v.Session("s1") == nil {
		t.Error("the session of a node that is well has ended")
	}
	freshLook(t, w.Store)
	noGarbage(t, w.Store)
}

// ids are the instances and checks of n1, with their status.
func ids(v *View) (services, checks []string) {
	return names(v.NodeServices("n1"), func(s *cluster.Service) string { return s.ID }),
		names(v.NodeChecks("n1"), func(c *cluster.Check) string { return c.ID + " " + string(c.Status) })
}

func TestSupersedeMeetsAnotherMachineOfTheName(t *testing.T) {
	archive := newWorld(t)
	archive.do(withID("n1", "id-old"))
	archive.do(nodeCheck("n1", cluster.SerfHealth, cluster.Passing))
	archive.do(withID("former", "id-new"))
	w := newWorld(t)
	w.do(withID("n1", "id-new"))
	w.do(nodeCheck("n1", cluster.SerfHealth, cluster.Passing))
	w.mustSupersede(archive.Store)
	v := w.View()
	wantNames(t, "nodes", nodeNames(v), "n1")
	if n := v.Node("n1"); n.ID != "id-new" || v.NodeByID("id-old") != nil {
		t.Errorf("n1 is %+v, want the machine that runs now", n)
	}
}

// TestSupersedeKeepsLeases is a table of what a group was when the snapshot was taken and is now, and what becomes of its assignment.
func TestSupersedeKeepsLeases(t *testing.T) {
	put := &cluster.PutGroup{Group: group("g", "10.0.0.100/24")}
	readdressed := &cluster.PutGroup{Group: group("g", "10.0.0.105/24")}
	for name, c := range map[string]struct {
		then, now []cluster.Command
		node      string
		epoch     uint64
	}{
		"the holder changed since":      {[]cluster.Command{put, assign("g", "n1", 1)}, []cluster.Command{put, assign("g", "n1", 1), assign("g", "n2", 2)}, "n2", 2},
		"it is as it was":               {[]cluster.Command{put, assign("g", "n1", 1)}, []cluster.Command{put, assign("g", "n1", 1)}, "n1", 1},
		"its addresses differ":          {[]cluster.Command{readdressed, assign("g", "n1", 1)}, []cluster.Command{put, assign("g", "n1", 1)}, "n1", 1},
		"it was deleted since":          {[]cluster.Command{put, assign("g", "n1", 1)}, []cluster.Command{put, assign("g", "n1", 1), assign("g", "n1", 2), &cluster.DeleteGroup{Name: "g"}}, "", 3},
		"this cluster never had it":     {[]cluster.Command{put, assign("g", "n1", 1)}, nil, "", 2},
		"it has never had a holder now": {[]cluster.Command{put, assign("g", "n1", 1), assign("g", "n2", 2)}, []cluster.Command{put}, "", 3},
		"the snapshot is further":       {[]cluster.Command{put, assign("g", "n1", 1), assign("g", "n1", 2)}, []cluster.Command{put, assign("g", "n2", 1)}, "n2", 3},
	} {
		t.Run(name, func(t *testing.T) {
			then, now := newWorld(t), newWorld(t)
			for _, c := range c.then {
				then.do(c)
			}
			for _, c := range c.now {
				now.do(c)
			}
			now.mustSupersede(then.Store)
			a := now.View().Assignment("g")
			if a == nil || a.Node != c.node || a.Epoch != c.epoch {
				t.Fatalf("assigned to %+v, want %q in epoch %d", a, c.node, c.epoch)
			}
			now.do(assign("g", "n3", c.epoch+1))
		})
	}
}

func TestSupersedeEndsAGroupThatTheSnapshotLacks(t *testing.T) {
	w, empty := settled(t), newWorld(t)
	w.mustSupersede(empty.Store)
	v := w.View()
	if v.Group("g") != nil || v.Assignment("g") != nil || v.Presence("n1") == nil {
		t.Error("the group lives on, or the presence does not")
	}
	told := v.Timeline("g", 0)
	if last := told[len(told)-1]; last.Kind != cluster.TransitionGroup || v.Timeline("", 0)[0].Index >= w.index {
		t.Errorf("the timeline tells of %+v", last)
	}
	w.do(&cluster.PutGroup{Group: group("g", "10.0.0.100/24")})
	if a := w.View().Assignment("g"); a == nil || a.Epoch != 2 || a.Node != "" {
		t.Errorf("created again: %+v, want epoch 2", a)
	}
}

func TestSupersedeKeepsTheClustersID(t *testing.T) {
	archive := newWorld(t)
	archive.do(&cluster.NameCluster{ID: "other"})
	w := newWorld(t)
	w.mustSupersede(archive.Store)
	if id := w.View().ClusterID(); id != "" {
		t.Errorf("a cluster without an ID has taken %q", id)
	}
	w.do(&cluster.NameCluster{ID: "own"})
	w.mustSupersede(archive.Store)
	if id := w.View().ClusterID(); id != "own" {
		t.Errorf("the cluster's ID is %q", id)
	}
}

// TestSupersedeTakesALock holds that a lock which a restore takes from its holder cannot be had at once.
func TestSupersedeTakesALock(t *testing.T) {
	w := settled(t)
	archive := settled(t)
	archive.do(verb(cluster.KVDelete, "x"))
	archive.do(&cluster.SessionDestroy{ID: "s1"})
	w.mustSupersede(archive.Store)
	if left := w.View().LockDelay("x", w.now); left != 15*time.Second {
		t.Errorf("lock delay %s, want that of the session", left)
	}
}

func TestSupersedeRefuses(t *testing.T) {
	for name, records := range map[string][]any{
		"one vip in two groups": {new(group("a", "10.0.0.1/24")), new(group("b", "10.0.0.1/24"))},
		"an impossible group":   {&cluster.Group{Name: "novip"}},
		"an impossible epoch":   {&LastEpoch{Group: "g", Epoch: 1 << 63}},
	} {
		want := cluster.Invalid
		if len(records) > 1 {
			want = cluster.Conflict
		}
		w := settled(t)
		r := w.Restore()
		for _, record := range records {
			if err := r.Add(record); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Supersede(w.index+1, 5, w.now); cluster.CodeOf(err) != want || w.View().KVGet("b") == nil || isClosed(w.Replaced()) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := r.Supersede(w.index+1, 5, w.now); cluster.CodeOf(err) != cluster.Internal {
			t.Errorf("%s: a second time: %v", name, err)
		}
	}
	w := settled(t)
	if err := w.Restore().Supersede(w.index+1, 1<<60, w.now); cluster.CodeOf(err) != cluster.Invalid {
		t.Errorf("an impossible index: %v", err)
	}
}

// TestIndexesRiseOverRestores plays random histories with restores of earlier states, of this cluster and of one that is far ahead, and
// holds after each: no index goes back, everyone is woken, epochs rise, members agree however they came to the state, and writes go on.
func TestIndexesRiseOverRestores(t *testing.T) {
	for seed := range int64(8) {
		rnd := rand.New(rand.NewSource(seed))
		s, twin := New(), New()
		archives := []*Store{New()}
		foreign := New()
		for _, e := range history(seed+77, 200) {
			e.Index += 5000
			foreign.Apply([]Entry{e})
		}
		archives = append(archives, foreign)
		last, top := map[string]told{}, uint64(0)
		epochs := map[string]uint64{}
		for _, e := range history(seed+2000, 400) {
			restoring := rnd.Intn(20) == 0
			if rnd.Intn(20) == 0 {
				archives = append(archives, restored(t, s))
			}
			if restoring {
				from := archives[rnd.Intn(len(archives))]
				for _, to := range []*Store{s, twin} {
					if err := supersede(t, to, from, e.Index, e.Time); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				s.Apply([]Entry{e})
				twin.Apply([]Entry{e})
			}
			if rnd.Intn(10) == 0 {
				twin = restored(t, twin)
			}
			before := top
			for name, ask := range questions {
				v := s.WatchView()
				now := told{v, ask(v), v.Index()}
				old := last[name]
				if now.index < old.index || restoring && (now.index <= before || old.view != nil && !old.view.r.moved()) {
					t.Fatalf("seed %d: %s: index %d after %d (restoring %v, top %d)", seed, name, now.index, old.index, restoring, before)
				}
				top, last[name] = max(top, now.index), now
			}
			for _, a := range s.View().Assignments() {
				if a.Epoch < epochs[a.Group] {
					t.Fatalf("seed %d: group %s is in epoch %d after %d", seed, a.Group, a.Epoch, epochs[a.Group])
				}
				epochs[a.Group] = a.Epoch
			}
			if a, b := records(t, s), records(t, twin); !reflect.DeepEqual(a, b) {
				t.Fatalf("seed %d: at index %d the stores differ:\n%s", seed, e.Index, difference(a, b))
			}
			freshLook(t, s)
			noGarbage(t, s)
		}
	}
}
