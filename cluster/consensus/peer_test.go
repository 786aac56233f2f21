package consensus

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/codec"
)

func TestFreshVotersElectALeaderSoon(t *testing.T) {
	t.Parallel()
	began := time.Now()
	startCluster(t, 3, func(c *Config) { c.Multiplier = 1 })
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s; at rest it takes 0.3 to 0.7 s", took)
	}
}

func TestThreeVoters(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	index := write(t, members, "k", "v")
	for _, m := range members {
		if got := read(t, m, index, "k"); got != "v" {
			t.Errorf("%s reads %q", m.cfg.ID, got)
		}
		if m.IsLeader() != (m == leader) {
			t.Errorf("%s: IsLeader is %v", m.cfg.ID, m.IsLeader())
		}
		id, addr := m.Leader()
		if id != leader.cfg.ID || addr != leader.cfg.Addr {
			t.Errorf("%s: the leader is %s at %s, want %s at %s", m.cfg.ID, id, addr, leader.cfg.ID, leader.cfg.Addr)
		}
		if contact := m.LastContact(); m == leader && contact != 0 || contact > patience {
			t.Errorf("%s: last contact %s ago", m.cfg.ID, contact)
		}
		if want := map[bool]string{true: "leader", false: "follower"}[m == leader]; m.State() != want {
			t.Errorf("%s is %s, want %s", m.cfg.ID, m.State(), want)
		}
		if m.Stats()["num_peers"] != "2" {
			t.Errorf("%s: stats %v", m.cfg.ID, m.Stats())
		}
	}
}

func TestLeaderThatStopsIsReplaced(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	old := leaderOf(t, members)
	term, index := old.Term(), write(t, members, "k", "v")
	old.stop(t)
	rest := without(members, old)
	next := leaderOf(t, rest)
	if next.Term() <= term {
		t.Errorf("the term was %d and is %d", term, next.Term())
	}
	if got := read(t, next, index, "k"); got != "v" {
		t.Errorf("the new leader reads %q: an acknowledged write is lost", got)
	}
	write(t, rest, "after", "v")
}

func TestLeaderThatIsCutOffIsReplacedAndComesBack(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3, func(c *Config) { c.Multiplier = 4 })
	old := leaderOf(t, members)
	index := write(t, members, "k", "v")
	old.layer.plug(false)
	rest := without(members, old)
	if got := read(t, leaderOf(t, rest), index, "k"); got != "v" {
		t.Errorf("the new leader reads %q: an acknowledged write is lost", got)
	}
	index = write(t, rest, "k", "v2")
	eventually(t, "the leader without connection steps down", func() bool { return !old.IsLeader() })
	term := leaderOf(t, rest).Term()
	old.layer.plug(true)
	if got := read(t, old, index, "k"); got != "v2" {
		t.Errorf("the member that came back reads %q", got)
	}
	if now := leaderOf(t, members).Term(); now != term {
		t.Errorf("the member that came back moved the term from %d to %d: it should not disturb", term, now)
	}
}

func TestConcurrentWritesAreAllApplied(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	const writers, each = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				write(t, members, key(w*each+i), "v")
			}
		})
	}
	wg.Wait()
	index := write(t, members, "last", "v")
	for _, m := range members {
		read(t, m, index, "last")
		if n := len(m.store.View().KVList("key/")); n != writers*each {
			t.Errorf("%s has %d keys, want %d", m.cfg.ID, n, writers*each)
		}
	}
}

func TestProposeReturnsTheStatesAnswer(t *testing.T) {
	t.Parallel()
	m := startCluster(t, 1)[0]
	propose := func(c cluster.Command) (any, error) {
		b, err := codec.EncodeCommand(c)
		if err != nil {
			t.Fatal(err)
		}
		return m.Propose(testContext(t), b)
	}
	create := &cluster.KVWrite{Verb: cluster.KVCAS, Entry: cluster.KVEntry{Key: "k"}}
	for i, want := range []bool{true, false} {
		if got, err := propose(create); err != nil || got != want {
			t.Errorf("cas number %d gives %v, %v, want %v", i, got, err, want)
		}
	}
	if _, err := propose(&cluster.DeleteGroup{Name: "none"}); cluster.CodeOf(err) != cluster.NotFound {
		t.Errorf("error %v, want code %v", err, cluster.NotFound)
	}
}

func TestProposeStampsTheLeadersTime(t *testing.T) {
	t.Parallel()
	m := startCluster(t, 1)[0]
	before := time.Now()
	encoded := set(t, "k", "v")
	kept := string(encoded)
	if _, err := m.Propose(testContext(t), encoded); err != nil {
		t.Fatal(err)
	}
	if string(encoded) != kept {
		t.Error("the caller's bytes were changed")
	}
	at, _, err := codec.DecodeCommand(lastEntry(t, m).Data)
	if err != nil || at.Before(before.Round(0)) || at.After(time.Now()) {
		t.Errorf("stamped %v, error %v, proposed at %v", at, err, before)
	}
}

func TestProposeOnAFollower(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	follower := without(members, leaderOf(t, members))[0]
	if _, err := follower.Propose(testContext(t), set(t, "k", "v")); !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("error %v, want ErrNoLeader", err)
	}
	if _, err := follower.ReadIndex(); !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("error %v, want ErrNoLeader", err)
	}
}

func TestProposeRefusesWhatIsNoEntry(t *testing.T) {
	t.Parallel()
	m := startCluster(t, 1)[0]
	for _, c := range []struct {
		encoded []byte
		want    cluster.Code
	}{{nil, cluster.Invalid}, {make([]byte, 9), cluster.Invalid}, {make([]byte, codec.MaxCommandSize+1), cluster.TooLarge}} {
		if _, err := m.Propose(testContext(t), c.encoded); cluster.CodeOf(err) != c.want {
			t.Errorf("%d bytes: error %v, want code %v", len(c.encoded), err, c.want)
		}
	}
}

func TestProposeHonoursItsContext(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := leader.Propose(done, set(t, "k", "never")); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("a context that had ended: error %v, want code %v", err, cluster.Unavailable)
	}
	for _, m := range without(members, leader) {
		m.layer.plug(false)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second) // by then the command has to be in the log
	defer cancel()
	began := time.Now()
	_, err := leader.Propose(short, set(t, "k", "perhaps"))
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	if code := cluster.CodeOf(err); code != cluster.Unknown && code != cluster.NoLeader {
		t.Errorf("error %v, want an unknown outcome", err)
	}
}

func TestProposeWhileLeadershipIsLost(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	for _, m := range without(members, leader) {
		m.layer.plug(false)
	}
	_, err := leader.Propose(testContext(t), set(t, "k", "perhaps"))
	if cluster.CodeOf(err) != cluster.Unknown && !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("error %v, want an unknown outcome", err)
	}
	if _, err := leader.Propose(testContext(t), set(t, "k", "never")); !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("afterwards: error %v, want ErrNoLeader", err)
	}
}

func TestRestartReplays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := startMember(t, "a", dir)
	bootstrapAlone(t, m)
	for i := range 10 {
		write(t, []*member{m}, key(i), "v")
	}
	snapshotNow(t, m)
	for i := range 10 {
		write(t, []*member{m}, key(10+i), "v")
	}
	applied, term := m.store.AppliedIndex(), m.Term()
	m.stop(t)

	again := startMember(t, "a", dir)
	if again.Term() < term {
		t.Errorf("the term was %d and is %d after the restart", term, again.Term())
	}
	eventually(t, "the member is caught up", again.CaughtUp)
	if got := again.store.AppliedIndex(); got < applied {
		t.Errorf("caught up at index %d, had applied %d before the restart", got, applied)
	}
	if n := len(again.store.View().KVList("key/")); n != 20 {
		t.Errorf("%d keys after the restart, want 20", n)
	}
	leaderOf(t, []*member{again})
}

// TestCaughtUpNeedsTheWholeLog stops the state in the middle of its log.
func TestCaughtUpNeedsTheWholeLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	few := func(c *Config) { c.MaxAppendEntries = 2 }
	m := startMember(t, "a", dir, few)
	bootstrapAlone(t, m)
	for i := range 10 {
		write(t, []*member{m}, key(i), "v")
	}
	applied := m.store.AppliedIndex()
	m.stop(t)

	again := newMember(t, "a", dir, few)
	held, tell := make(chan struct{}), again.fsm.applied
	release := sync.OnceFunc(func() { close(held) })
	again.fsm.applied = func() { <-held; tell() }
	if err := again.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.stop(t) })
	t.Cleanup(release)
	eventually(t, "a part is replayed", func() bool { return again.store.AppliedIndex() > 0 })
	if at := again.store.AppliedIndex(); at >= applied || again.CaughtUp() {
		t.Errorf("at %d of %d it is caught up (%v)", at, applied, again.CaughtUp())
	}
	release()
	eventually(t, "the rest is replayed", again.CaughtUp)
}

func TestCaughtUpNeedsALeader(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	index := write(t, members, "k", "v")
	gone := without(members, leaderOf(t, members))
	read(t, gone[0], index, "k")
	for _, m := range members {
		m.stop(t)
	}
	alone := startMember(t, gone[0].cfg.ID, gone[0].cfg.DataDir)
	eventually(t, "the lone member asks for an election", func() bool { return alone.State() == "candidate" })
	if alone.CaughtUp() {
		t.Error("a member that has found no leader says that it is caught up")
	}
	if id, _, _, ok := alone.Following(); ok {
		t.Errorf("a lone member follows %q", id)
	}
	if _, err := alone.ReadIndex(); !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("error %v, want ErrNoLeader", err)
	}
}

func TestPeerThatIsNotOpen(t *testing.T) {
	t.Parallel()
	m := newMember(t, "a", t.TempDir())
	check := func(t *testing.T) {
		t.Helper()
		if _, err := m.Propose(t.Context(), set(t, "k", "v")); cluster.CodeOf(err) != cluster.Unavailable {
			t.Errorf("Propose: error %v, want code %v", err, cluster.Unavailable)
		}
		if _, err := m.ReadIndex(); !errors.Is(err, cluster.ErrNoLeader) {
			t.Errorf("ReadIndex: error %v", err)
		}
		if _, err := m.HasState(); cluster.CodeOf(err) != cluster.Unavailable {
			t.Errorf("HasState: error %v", err)
		}
		if err := m.Bootstrap(nil); cluster.CodeOf(err) != cluster.Unavailable {
			t.Errorf("Bootstrap: error %v", err)
		}
		if err := m.AddVoter(t.Context(), "b", "127.0.0.1:1"); cluster.CodeOf(err) != cluster.Unavailable {
			t.Errorf("AddVoter: error %v", err)
		}
		if _, _, _, ok := m.Following(); ok || m.IsLeader() || m.CaughtUp() || m.State() != "shutdown" {
			t.Errorf("it follows (%v), leads (%v), is caught up (%v) or is in state %q", ok, m.IsLeader(), m.CaughtUp(), m.State())
		}
		m.Stats()
		m.Leader()
		m.LastContact()
	}
	t.Run("before Open", check)
	if err := m.Open(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m.stop(t)
	}
	t.Run("after Close", check)
}

func TestCloseDoesNotWaitForAbsentMembers(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	began := time.Now()
	leader.stop(t)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s, half of the I/O timeout", took)
	}
}
