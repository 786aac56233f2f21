package leader

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// announcing is the pool with a cluster tag for each member named in says.
func (f *fakeCluster) announcing(words string, says map[string]string) {
	f.set(words)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if tag := says[m.Name]; tag != "" {
			m.Tags[cluster.TagCluster] = tag
		}
	}
}

// named is how often the cluster was named, and with what the last time.
func (f *fakeCluster) named() (times int, id string) {
	cmds, _ := f.take()
	for _, c := range cmds {
		if n, ok := c.(*cluster.NameCluster); ok {
			times, id = times+1, n.ID
		}
	}
	return times, id
}

func peersOf(ids ...string) []cluster.Peer {
	var peers []cluster.Peer
	for _, id := range ids {
		peers = append(peers, cluster.Peer{ID: "id-" + id, Addr: "10.0.0." + id[1:] + ":8300", Voter: true})
	}
	return peers
}

// TestNameCluster has a leader of three whose state has no ID. A new one is a UUID that nobody knew before.
func TestNameCluster(t *testing.T) {
	const none, unnamed, all = cluster.NoCluster, cluster.UnnamedCluster, "n1:alive n2:alive n3:alive"
	for _, x := range []struct {
		name string
		pool string
		says map[string]string
		want string // "new", "", or the ID
		late bool   // only after nameGrace
	}{
		{name: "all are ready", pool: all, says: map[string]string{"n1": unnamed, "n2": unnamed, "n3": none}, want: "new"},
		{name: "one is of an older version", pool: all, says: map[string]string{"n1": unnamed, "n2": unnamed}},
		{name: "one of an older version has failed", pool: "n1:alive n2:alive n3:failed", says: map[string]string{"n1": unnamed, "n2": unnamed}, want: "new", late: true},
		{name: "one was not seen yet", pool: "n1:alive n2:alive", says: map[string]string{"n1": unnamed, "n2": unnamed}, want: "new", late: true},
		{name: "one that has failed is ready", pool: "n1:alive n2:alive n3:failed", says: map[string]string{"n1": unnamed, "n2": unnamed, "n3": none}, want: "new"},
		{name: "another knows the ID", pool: all, says: map[string]string{"n1": unnamed, "n2": "id-1", "n3": unnamed}, want: "id-1"},
		{name: "another knows the ID, and one is of an older version", pool: all, says: map[string]string{"n1": unnamed, "n2": "id-1"}, want: "id-1"},
		{
			name: "one without a seat says an ID", pool: all + " n5:alive",
			says: map[string]string{"n1": unnamed, "n2": unnamed, "n3": unnamed, "n5": "id-9"}, want: "new",
		},
		{
			name: "one without a seat says an ID while a new one has to wait", pool: all + " n5:alive",
			says: map[string]string{"n1": unnamed, "n2": unnamed, "n5": "id-9"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeCluster()
				f.peers = peersOf("n1", "n2", "n3")
				f.announcing(x.pool, x.says)
				lead(t, f)
				times, id := f.named()
				if early := times > 0; early != (x.want != "" && !x.late) {
					t.Errorf("named at once: %v", early)
				}
				wait(nameGrace + 2*nameInterval)
				if late, last := f.named(); late > 0 {
					times, id = times+late, last
				}
				if now := f.store.View().ClusterID(); now != id { // the members here never learn it, and it is repeated to them
					t.Errorf("the state has the ID %q, named was %q", now, id)
				}
				switch {
				case x.want == "new" && len(id) != 36:
					t.Errorf("named %d times, last %q, want a UUID", times, id)
				case x.want != "new" && id != x.want:
					t.Errorf("named %q, want %q", id, x.want)
				}
			})
		})
	}
}

// TestTheDataDirectoryKnowsTheID has a state without an ID, as an older version leaves it behind, and a leader that has learned one.
func TestTheDataDirectoryKnowsTheID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		opts := DefaultOptions()
		opts.Self, opts.ClusterID = "n1", "id-1"
		f.announcing("n1:alive", map[string]string{"n1": "id-1"})
		f.peers = peersOf("n1", "n2")
		leadWith(t, f, opts)
		if times, id := f.named(); times != 1 || id != "id-1" {
			t.Errorf("named %d times, last %q, want id-1 at once", times, id)
		}
	})
}

// TestWhoHasNotLearnedTheIDIsToldAgain has a member that skipped the command while it was of an older version.
func TestWhoHasNotLearnedTheIDIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.peers = peersOf("n1", "n2")
		if _, err := f.Apply(t.Context(), &cluster.NameCluster{ID: "id-1"}); err != nil {
			t.Fatal(err)
		}
		f.announcing("n1:alive n2:alive", map[string]string{"n1": "id-1", "n2": "id-1"})
		lead(t, f)
		wait(time.Minute)
		f.take()
		f.announcing("n1:alive n2:alive", map[string]string{"n1": "id-1", "n2": cluster.UnnamedCluster})
		wait(nameInterval)
		if times, id := f.named(); times != 1 || id != "id-1" {
			t.Errorf("named %d times, last %q, want id-1 again", times, id)
		}
		f.announcing("n1:alive n2:alive", map[string]string{"n1": "id-1", "n2": "id-1"})
		wait(time.Minute)
		if times, _ := f.named(); times != 0 {
			t.Errorf("named %d times more after all have learned it", times)
		}
	})
}

// TestMembersOfAnotherClusterAreNobody holds the second line of defence: gossip should have kept them out.
func TestMembersOfAnotherClusterAreNobody(t *testing.T) {
	for _, pool := range []string{
		"n1:alive n2:alive n3:alive c4:alive x5:alive:5",
		"n1:alive n2:alive n3:alive c4:alive x5:alive:2", // at the address of n2
		"n1:alive n2:alive n3:alive c4:alive x5:alive:5:id-n2",
		"n1:alive n2:alive n3:alive c4:alive x5:left:5:id-n2",
		"n1:alive n2:alive n3:alive c4:alive x5:failed:5:id-n2",
	} {
		t.Run(pool, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, term := running(t)
				if _, err := f.Apply(t.Context(), &cluster.NameCluster{ID: "id-1"}); err != nil {
					t.Fatal(err)
				}
				f.take()
				f.announcing(pool, map[string]string{"n1": "id-1", "n2": "id-1", "x5": "id-2"})
				term.MembersChanged("")
				wait(2 * time.Minute)
				wantNodes(t, f, "c4=passing n1=passing n2=passing n3=passing")
				wantSeats(t, f, "(c4) n1 n2 n3")
				if cmds, changes := f.take(); len(cmds) > 0 || len(changes) > 0 {
					t.Errorf("it wrote %d commands and changed the peer set %v", len(cmds), changes)
				}
			})
		})
	}
}
