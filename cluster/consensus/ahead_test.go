package consensus

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// gate holds up what a leader stores, while it is shut.
type gate struct {
	mu   sync.Mutex // guards following
	open chan struct{}
}

func (g *gate) shut() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ch := make(chan struct{})
	g.open = ch
	return sync.OnceFunc(func() { close(ch) })
}

func (g *gate) pass(m *member) {
	if !m.IsLeader() {
		return
	}
	g.mu.Lock()
	ch := g.open
	g.mu.Unlock()
	if ch != nil {
		<-ch
	}
}

// startGated starts three voters whose leader stores through g, having sent ahead or not.
func startGated(tb testing.TB, g *gate) []*member {
	tb.Helper()
	return startPrepared(tb, 3, func(m *member) {
		m.storing = func(logs []*raft.Log) {
			m.sendAhead(logs)
			g.pass(m)
		}
	})
}

// atRest waits until a leader knows that both of the others have its whole log, and gives its last entry.
func atRest(tb testing.TB, leader *member) (last uint64) {
	tb.Helper()
	eventually(tb, "the log is at rest", func() bool {
		a := &leader.trans.ahead
		a.mu.Lock()
		defer a.mu.Unlock()
		last = leader.raft.Load().LastIndex()
		n := 0
		for _, has := range a.has {
			if has == last {
				n++
			}
		}
		return leader.raft.Load().CommitIndex() == last && n == 2
	})
	return last
}

// TestFollowersStoreWhileTheLeaderDoes has a leader's disk stand still: the followers have the entry meanwhile, and nothing is committed or
// acknowledged before the leader has it too.
func TestFollowersStoreWhileTheLeaderDoes(t *testing.T) {
	t.Parallel()
	var g gate
	members := startGated(t, &g)
	write(t, members, "k", "before")
	leader := leaderOf(t, members)
	last := atRest(t, leader)
	open := g.shut()
	t.Cleanup(open)
	var acknowledged atomic.Bool
	done := make(chan error, 1)
	go func() {
		_, err := leader.Propose(t.Context(), set(t, "k", "after"))
		acknowledged.Store(true)
		done <- err
	}()
	for _, m := range without(members, leader) {
		eventually(t, "a follower has the entry", func() bool { return m.raft.Load().LastIndex() == last+1 })
	}
	if r := leader.raft.Load(); r.LastIndex() != last || acknowledged.Load() {
		t.Errorf("the leader's log ends at %d and the write is acknowledged: %v; want %d and false", r.LastIndex(), acknowledged.Load(), last)
	}
	for _, m := range members {
		if got := m.raft.Load().CommitIndex(); got > last {
			t.Errorf("%s takes entry %d for committed", m.cfg.ID, got)
		}
	}
	open()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if got := read(t, m, last+1, "k"); got != "after" {
			t.Errorf("%s reads %q", m.cfg.ID, got)
		}
	}
}

// TestAnEntryThatWasSentAheadOutlivesItsLeader has a leader be replaced before it has stored what it sent: the entry is the followers', and
// stays, and the old leader takes it from them.
func TestAnEntryThatWasSentAheadOutlivesItsLeader(t *testing.T) {
	t.Parallel()
	var g gate
	members := startGated(t, &g)
	write(t, members, "k", "before")
	old := leaderOf(t, members)
	last := atRest(t, old)
	open := g.shut()
	t.Cleanup(open)
	done := make(chan error, 1)
	go func() {
		_, err := old.Propose(t.Context(), set(t, "k", "after"))
		done <- err
	}()
	rest := without(members, old)
	for _, m := range rest {
		eventually(t, "a follower has the entry", func() bool { return m.raft.Load().LastIndex() == last+1 })
	}
	old.layer.plug(false)
	g.mu.Lock()
	g.open = nil // for the next leader
	g.mu.Unlock()
	leaderOf(t, rest)
	open()
	<-done // acknowledged or not: a majority had it
	old.layer.plug(true)
	index := write(t, rest, "other", "x")
	for _, m := range members {
		if got := read(t, m, index, "k"); got != "after" {
			t.Errorf("%s reads %q", m.cfg.ID, got)
		}
	}
}

func TestWhatWasSentAheadAnswersTheSameMessageAlone(t *testing.T) {
	t.Parallel()
	message := func(term, prev, prevTerm uint64, entries ...uint64) *raft.AppendEntriesRequest {
		m := &raft.AppendEntriesRequest{Term: term, PrevLogEntry: prev, PrevLogTerm: prevTerm}
		for _, i := range entries {
			m.Entries = append(m.Entries, &raft.Log{Index: i})
		}
		return m
	}
	sent := message(3, 10, 2, 11, 12)
	for _, c := range []struct {
		what    string
		asked   *raft.AppendEntriesRequest
		success bool
		err     error
		want    bool
	}{
		{"the same", message(3, 10, 2, 11, 12), true, nil, true},
		{"refused", message(3, 10, 2, 11, 12), false, nil, false},
		{"lost", message(3, 10, 2, 11, 12), true, errors.New("lost"), false},
		{"another term", message(4, 10, 2, 11, 12), true, nil, false},
		{"less", message(3, 10, 2, 11), true, nil, false},
		{"more", message(3, 10, 2, 11, 12, 13), true, nil, false},
		{"from earlier on", message(3, 9, 2, 10, 11, 12), true, nil, false},
		{"after another entry", message(3, 10, 1, 11, 12), true, nil, false},
	} {
		a := ahead{has: map[raft.ServerID]uint64{"b": 10}, early: map[raft.ServerID]*early{}}
		if a.begin("c", sent) != nil {
			t.Error("a member of which nothing is known was sent something ahead")
		}
		e := a.begin("b", sent)
		e.answer.Success, e.err = c.success, c.err
		close(e.answered)
		if got := a.take("b").answers(c.asked); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
		if a.take("b") != nil || a.begin("b", sent) != nil {
			t.Errorf("%s: what was taken is there again, or more is sent while raft sends", c.what)
		}
	}
}

// BenchmarkProposeSlowDisk measures acknowledged writes by one writer where each store takes 2 ms more on every member.
func BenchmarkProposeSlowDisk(b *testing.B) {
	for _, how := range []string{"ahead", "after"} {
		b.Run(how, func(b *testing.B) {
			members := startPrepared(b, 3, func(m *member) {
				m.storing = func(logs []*raft.Log) {
					if how == "ahead" {
						m.sendAhead(logs)
					}
					<-time.After(2 * time.Millisecond)
				}
			}, func(c *Config) { c.Multiplier = 5 })
			benchmarkWriters(b, leaderOf(b, members), 1)
		})
	}
}
