package consensus

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster/codec"
	"holdfast/cluster/consensus/logger"
	"holdfast/cluster/consensus/storage"
)

// TestALogThatGoesPastTheSnapshot has a member come back with entries of a leader that lost them, more of them than the next leader has committed since. That one
// has nothing but a snapshot left of where the two logs part: the member gets it once, and goes on from there.
func TestALogThatGoesPastTheSnapshot(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{storage.WAL, storage.Bolt} {
		var d directory
		adjust := func(c *Config) {
			d.adjust(c)
			c.Backend, c.TrailingLogs, c.CommitTimeout = backend, 5, 50*time.Millisecond
		}
		members := startCluster(t, 3, adjust)
		index := write(t, members, "k", "before")
		gone := without(members, leaderOf(t, members))[0]
		read(t, gone, index, "k")
		gone.stop(t)
		lengthen(t, gone, 50)

		rest := without(members, gone)
		handOver(t, rest)
		for i := range 30 {
			index = write(t, rest, "k", key(i))
		}
		for i, m := range rest {
			read(t, m, index, "k")
			snapshotNow(t, m)
			m.stop(t) // or the entries would still be in memory
			rest[i] = startMember(t, m.cfg.ID, m.cfg.DataDir, adjust)
		}
		again := startMember(t, gone.cfg.ID, gone.cfg.DataDir, adjust)
		for i := range 5 {
			index = write(t, rest, "k", key(100+i))
			if got := read(t, again, index, "k"); got != key(100+i) {
				t.Errorf("%s: it reads %q, want %q", backend, got, key(100+i))
			}
		}
		if last, err := again.stores.Log.LastIndex(); err != nil || last > index+1 {
			t.Errorf("%s: its log ends at %d, error %v, want %d", backend, last, err, index)
		}
	}
}

// lengthen adds entries of its last term to the log of a member that is stopped.
func lengthen(t *testing.T, m *member, n uint64) {
	t.Helper()
	s, err := storage.Open(m.cfg.storage(), logger.New(testLogger()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	last, err := s.Log.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	var l raft.Log
	if err := s.Log.GetLog(last, &l); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := s.Log.StoreLog(&raft.Log{Index: last + 1 + i, Term: l.Term, Data: codec.Stamped(set(t, "k", "lost"), time.Now())}); err != nil {
			t.Fatal(err)
		}
	}
}
