package consensus

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/codec"
)

func bootstrapAlone(tb testing.TB, m *member) {
	tb.Helper()
	if err := m.Bootstrap([]Server{{ID: m.cfg.ID, Addr: m.cfg.Addr, Voter: true}}); err != nil {
		tb.Fatal(err)
	}
	leaderOf(tb, []*member{m})
}

// lastEntry is the newest entry of m's log.
func lastEntry(tb testing.TB, m *member) *raft.Log {
	tb.Helper()
	var l raft.Log
	if err := m.stores.Log.GetLog(m.raft.Load().LastIndex(), &l); err != nil {
		tb.Fatal(err)
	}
	return &l
}

func TestFirstCommandOfATermIsNewTerm(t *testing.T) {
	t.Parallel()
	m := startCluster(t, 1)[0]
	index, err := m.ReadIndex()
	if err != nil {
		t.Fatal(err)
	}
	_, c, err := codec.DecodeCommand(lastEntry(t, m).Data)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := c.(*cluster.NewTerm); !ok || n.Leader != "node-a" {
		t.Errorf("the newest entry is %+v, want the NewTerm of node-a", c)
	}
	if applied := m.store.AppliedIndex(); applied < index {
		t.Errorf("the read index is %d and only %d is applied", index, applied)
	}
}

func TestReadIndexCoversAcknowledgedWrites(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	for i := range 50 {
		index := write(t, members, "k", key(i))
		var read uint64
		eventually(t, "the leader answers", func() (ok bool) {
			n, err := leaderOf(t, members).ReadIndex()
			read = n
			return err == nil
		})
		if read < index {
			t.Fatalf("a write was acknowledged at %d and the read index is %d", index, read)
		}
	}
}

// stint is one run of a leader's function.
type stint struct {
	member *member
	term   uint64
	ctx    context.Context
}

// lead runs Lead on every member and reports each stint.
func lead(t *testing.T, members []*member) <-chan stint {
	t.Helper()
	stints := make(chan stint, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			m.Lead(ctx, func(ctx context.Context) {
				stints <- stint{m, TermOf(ctx), ctx}
				<-ctx.Done()
			})
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	return stints
}

func TestTermOfOtherContexts(t *testing.T) {
	if n := TermOf(t.Context()); n != 0 {
		t.Errorf("a context that is no leadership is of term %d", n)
	}
}

func next(t *testing.T, stints <-chan stint) stint {
	t.Helper()
	select {
	case s := <-stints:
		return s
	case <-time.After(patience):
		t.Fatal("nobody leads")
		return stint{}
	}
}

func TestLeadershipIsAContext(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	stints := lead(t, members)
	for last := uint64(0); last < 7; {
		s := next(t, stints)
		if s.term <= last {
			t.Errorf("term %d follows term %d", s.term, last)
		}
		last = s.term
		over := s.ctx.Err() != nil
		if number, leads := leads(s.member.raft.Load()); over && leads && number == s.term {
			t.Errorf("%s leads in term %d and the context has ended", s.member.cfg.ID, s.term)
		}
		if err := s.member.TransferLeadership(testContext(t), ""); err == nil && s.ctx.Err() == nil {
			t.Errorf("%s handed its leadership over and the context goes on", s.member.cfg.ID)
		}
	}
}

func TestLeadershipOfAnIsolatedLeaderEnds(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	stints := lead(t, members)
	s := next(t, stints)
	s.member.layer.plug(false)
	then := next(t, stints)
	select {
	case <-s.ctx.Done():
	case <-time.After(patience):
		t.Fatal("an isolated leader leads for ever")
	}
	if then.member == s.member {
		t.Error("the isolated leader was elected again")
	}
	if _, err := s.member.ReadIndex(); err == nil {
		t.Error("the isolated member answers with a read index")
	}
}

func TestLeadEndsWithItsContextAndWithThePeer(t *testing.T) {
	t.Parallel()
	m := startCluster(t, 1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	for _, end := range []func(){cancel, func() { m.stop(t) }} {
		running, returned := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(returned)
			m.Lead(ctx, func(ctx context.Context) { close(running); <-ctx.Done() })
		}()
		<-running
		end()
		select {
		case <-returned:
		case <-time.After(patience):
			t.Fatal("Lead did not return")
		}
		ctx = t.Context()
	}
}

func TestLeadWaitsForTheLastTermsFunction(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	m := leaderOf(t, members)
	var mu sync.Mutex
	running, most := 0, 0
	release, began := make(chan struct{}), make(chan context.Context, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Lead(ctx, func(ctx context.Context) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			began <- ctx
			<-ctx.Done()
			<-release
			mu.Lock()
			running--
			mu.Unlock()
		})
	}()
	first := <-began
	_ = m.TransferLeadership(testContext(t), "")
	<-first.Done()
	eventually(t, "the member leads again", func() bool {
		l := leaderOf(t, members)
		return l == m || l.TransferLeadership(testContext(t), m.cfg.ID) == nil && leaderOf(t, members) == m
	})
	select {
	case <-began:
		t.Error("a second function runs beside the first")
	default:
	}
	close(release)
	<-began
	cancel()
	<-done
	if most != 1 {
		t.Errorf("%d functions ran at once", most)
	}
}

func TestLeaderChangedWakes(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	follower := without(members, leaderOf(t, members))[0]
	changed := follower.LeaderChanged()
	leader := handOver(t, members)
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	// Whoever waits on the channel and then looks sees every leader.
	for {
		changed := follower.LeaderChanged()
		if id, _ := follower.Leader(); id != "" && id != leader.cfg.ID {
			return
		}
		select {
		case <-changed:
		case <-time.After(patience):
			t.Fatal("the new leader was not announced")
		}
	}
}

func TestTermsFollowQuickChanges(t *testing.T) {
	t.Parallel()
	// The observer is called in the order of raft's own changes, which may be reported late: what counts is raft as it is.
	m := startCluster(t, 1)[0]
	t1, _ := m.terms.now()
	for range 3 {
		observer(m.Peer)(&raft.Observation{Data: raft.Follower}) // an old report
	}
	if t2, _ := m.terms.now(); t2 != t1 || t1.ctx.Err() != nil {
		t.Error("a report that came late ended a term that goes on")
	}
}

func TestOneLeaderInATerm(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	led := make([]map[uint64]bool, len(members)) // the terms in which each member follows itself
	var wg sync.WaitGroup
	for i, m := range members {
		led[i] = map[uint64]bool{}
		wg.Go(func() {
			for last := uint64(0); ctx.Err() == nil; {
				id, term, _, ok := m.Following()
				if term < last {
					t.Errorf("%s went back from term %d to %d", m.cfg.ID, last, term)
					return
				}
				last = term
				if ok && id == m.cfg.ID {
					led[i][term] = true
				}
			}
		})
	}
	for range 10 {
		handOver(t, members)
	}
	cancel()
	wg.Wait()
	terms := 0
	for i, other := range led {
		for term := range other {
			terms++
			for j := range i {
				if led[j][term] {
					t.Errorf("members %s and %s both led in term %d", members[i].cfg.ID, members[j].cfg.ID, term)
				}
			}
		}
	}
	if terms < 5 {
		t.Errorf("only %d terms were seen", terms)
	}
}
