package leader

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// tombstones counts what the state remembers of the dead.
func (f *fakeCluster) tombstones(t *testing.T) int {
	t.Helper()
	n := 0
	if err := f.store.Snapshot().Records(func(record any) error {
		if _, ok := record.(*state.Tombstone); ok {
			n++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func (f *fakeCluster) kv(t *testing.T, verb cluster.KVVerb, key string) {
	t.Helper()
	if _, err := f.Apply(t.Context(), &cluster.KVWrite{Verb: verb, Entry: cluster.KVEntry{Key: key}}); err != nil {
		t.Fatal(err)
	}
}

// TestTombstonesAreReaped deletes things and looks when they are forgotten: not before TombstoneTTL, not much after it.
func TestTombstonesAreReaped(t *testing.T) {
	for name, kill := range map[string]func(f *fakeCluster) []cluster.Command{
		"keys": func(*fakeCluster) []cluster.Command {
			return []cluster.Command{
				&cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "a/b"}}, &cluster.KVWrite{Verb: cluster.KVDeleteTree, Entry: cluster.KVEntry{Key: "a/"}},
			}
		},
		"sessions": func(*fakeCluster) []cluster.Command {
			return []cluster.Command{&cluster.SessionCreate{Session: cluster.Session{ID: "s", Node: "n1"}}, &cluster.SessionDestroy{ID: "s"}}
		},
		"nodes": func(*fakeCluster) []cluster.Command {
			return []cluster.Command{
				&cluster.Register{Node: cluster.Node{Name: "x", Address: "10.1.1.1"}, Service: &cluster.Service{ID: "w", Name: "w"}}, &cluster.Deregister{Node: "x"},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, _ := running(t)
				wait(10 * time.Minute)
				for _, cmd := range kill(f) {
					if _, err := f.Apply(t.Context(), cmd); err != nil {
						t.Fatal(err)
					}
				}
				buried := f.tombstones(t)
				if buried == 0 {
					t.Fatal("nothing was buried")
				}
				wait(DefaultOptions().TombstoneTTL - time.Second)
				if n := f.tombstones(t); n != buried {
					t.Errorf("%d of %d tombstones are left before their time", n, buried)
				}
				wait(2 * tombstoneTick)
				if n := f.tombstones(t); n != 0 {
					t.Errorf("%d of %d tombstones are left", n, buried)
				}
				f.take()
				wait(24 * time.Hour)
				if cmds, _ := f.take(); len(cmds) > 0 {
					t.Errorf("at rest it proposed %+v", cmds)
				}
			})
		})
	}
}

// TestReapingIsRare writes and deletes all the time: a reaping per tick is enough, and a failed one is tried again.
func TestReapingIsRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := running(t)
		for i := range 40 {
			key := fmt.Sprintf("k%d", i)
			f.kv(t, cluster.KVSet, key)
			f.kv(t, cluster.KVDelete, key)
			if i == 20 {
				f.failing(func(cluster.Command) error { return cluster.ErrNoLeader })
				wait(5 * time.Minute)
				f.failing(nil)
			}
			wait(time.Minute)
		}
		cmds, _ := f.take()
		reaped := 0
		for _, cmd := range cmds {
			if _, ok := cmd.(*cluster.ReapTombstones); ok {
				reaped++
			}
		}
		if reaped == 0 || reaped > 45 {
			t.Errorf("%d reapings in 45 minutes", reaped)
		}
		if n := f.tombstones(t); n > 18 {
			t.Errorf("%d tombstones are left, more than can be young", n)
		}
	})
}
