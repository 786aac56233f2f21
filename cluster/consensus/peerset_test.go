package consensus

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func peersIndex(t *testing.T, m *member) uint64 {
	t.Helper()
	_, index, err := m.Servers()
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func TestPeerSetIndexIsOfTheNewestEntry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := startMember(t, "a", dir)
	if n := peersIndex(t, m); n != 0 {
		t.Errorf("index %d before there is a peer set", n)
	}
	bootstrapAlone(t, m)
	if n := peersIndex(t, m); n != 1 {
		t.Errorf("index %d after the bootstrap, want 1", n)
	}
	if err := m.AddNonvoter(testContext(t), "b", "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	want := lastEntry(t, m)
	if n := peersIndex(t, m); want.Type != raft.LogConfiguration || n != want.Index {
		t.Errorf("index %d, the last entry is a %v at %d", n, want.Type, want.Index)
	}
	for _, what := range []string{"from the log", "from a snapshot"} {
		m.stop(t)
		m = startMember(t, "a", dir)
		if n := peersIndex(t, m); n != want.Index {
			t.Errorf("%s after a restart: index %d, want %d", what, n, want.Index)
		}
		leaderOf(t, []*member{m})
		snapshotNow(t, m)
	}
}

func TestPeerSetThatIsNotCommittedGoesAgain(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	old := leaderOf(t, members)
	before := peersIndex(t, old)
	old.layer.plug(false)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = old.AddNonvoter(short, "d", "127.0.0.1:1")
	if n := peersIndex(t, old); n > before && len(serversOf(t, old)) != 4 {
		t.Errorf("index %d and the peer set %v", n, serversOf(t, old))
	}
	rest := without(members, old)
	for i := range 5 {
		write(t, rest, key(i), "v")
	}
	eventually(t, "the old leader steps down", func() bool { return !old.IsLeader() })
	old.layer.plug(true)
	next := leaderOf(t, members)
	eventually(t, "all know one peer set", func() bool {
		return !slices.ContainsFunc(members, func(m *member) bool { return peersIndex(t, m) != peersIndex(t, next) || len(serversOf(t, m)) != 3 })
	})
	if n := peersIndex(t, next); n != before {
		t.Errorf("index %d, want %d as before", n, before)
	}
}

func TestWatchedLogTellsTruncationFromCompaction(t *testing.T) {
	set := newPeerSet()
	w := watchedLog{raft.NewInmemStore(), set}
	var logs []*raft.Log
	for i := range uint64(10) {
		l := &raft.Log{Index: i + 1, Type: raft.LogCommand}
		if l.Index == 2 || l.Index == 8 {
			l.Type, l.Data = raft.LogConfiguration, raft.EncodeConfiguration(raft.Configuration{})
		}
		logs = append(logs, l)
	}
	steps := []struct {
		what string
		do   func() error
		want uint64
	}{
		{"entries are stored", func() error { return w.StoreLogs(logs) }, 8},
		{"the first is committed", func() error { set.committed.Store(&peers{index: 2}); return nil }, 8},
		{"the log is compacted", func() error { return w.DeleteRange(1, 8) }, 8},
		{"its end is cut off", func() error { return w.DeleteRange(9, 10) }, 8},
		{"the peer set is cut off", func() error { return w.StoreLogs(logs[7:]) }, 8},
		{"", func() error { return w.DeleteRange(8, 10) }, 2},
		{"another takes its place", func() error {
			return w.StoreLog(&raft.Log{Index: 8, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{})})
		}, 8},
		{"a snapshot takes the place of all", func() error { set.offered.Store(&peers{index: 20}); set.restored(); return nil }, 20},
		{"an old entry is read", func() error { return w.GetLog(8, new(raft.Log)) }, 20},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.what, err)
		}
		if n := indexOf(set.newest.Load()); n != s.want {
			t.Errorf("%s: the newest peer set is at %d, want %d", s.what, n, s.want)
		}
	}
	if w.IsMonotonic() {
		t.Error("a store that allows gaps is called monotonic")
	}
}

func TestPeerSetHasNewsWhenItChanges(t *testing.T) {
	set := newPeerSet()
	steps := []struct {
		what string
		do   func()
		news bool
	}{
		{"a peer set is found", func() { set.found(&peers{index: 3}) }, true},
		{"it is found again", func() { set.found(&peers{index: 3}) }, false},
		{"an older one is found", func() { set.found(&peers{index: 2}) }, false},
		{"two are found before anyone asks", func() { set.found(&peers{index: 4}); set.found(&peers{index: 5}) }, true},
		{"a snapshot is restored", func() { set.offered.Store(&peers{index: 4}); set.restored() }, true},
	}
	for _, s := range steps {
		s.do()
		select {
		case <-set.news:
			if !s.news {
				t.Errorf("%s: there is news", s.what)
			}
		default:
			if s.news {
				t.Errorf("%s: there is no news", s.what)
			}
		}
	}
}
