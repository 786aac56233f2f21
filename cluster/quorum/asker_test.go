package quorum

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// fakeRaft is a member's place in Raft as the test sets it.
type fakeRaft struct {
	mu      sync.Mutex // guards following
	s       Standing
	ordered uint64
	peers   uint64
}

func (f *fakeRaft) set(s Standing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.s = s
}

func (f *fakeRaft) Following() (string, uint64, time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.s.Leader, f.s.Term, f.s.Contact, f.s.OK
}

func (f *fakeRaft) PeersIndex() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peers
}

func (f *fakeRaft) Ordered() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ordered
}

// order lets the member have ordered another to stand for election in its term.
func (f *fakeRaft) order() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ordered = f.s.Term
}

// voters is a cluster of voters a, b, c…, with a in the lead of term 4 and asking. It runs in a bubble of synctest, on its clock.
type voters struct {
	asker *Asker
	raft  map[string]*fakeRaft
	voter map[string]*Voter
	sleep time.Duration // what boottime is ahead of the bubble's clock

	mu    sync.Mutex
	ids   []string
	peers uint64
	delay map[string]time.Duration // until the answer; negative: it never comes
	fails map[string]bool
	asked []string // who was asked, in this order
}

var errBroken = errors.New("connection refused")

func newVoters(t *testing.T, ids ...string) *voters {
	t.Helper()
	born := time.Now().Add(-time.Hour)
	clock := func() time.Duration { return time.Since(born) }
	v := &voters{raft: map[string]*fakeRaft{}, voter: map[string]*Voter{}, ids: ids, peers: 1, delay: map[string]time.Duration{}, fails: map[string]bool{}}
	for _, id := range ids {
		v.raft[id] = &fakeRaft{s: following("a", 4), peers: 1}
		v.voter[id] = newVoter(id, v.raft[id], &Ledger{own: Promise{span, 300 * ms}, earlier: Promise{span, 300 * ms}, kept: Promise{span, 300 * ms}}, clock)
		v.voter[id].memory = Memory{span: span, peers: 1} // it started an hour ago
	}
	v.asker = NewAsker("a", v.voter["a"], v, 300*ms, span)
	v.asker.boottime = func() time.Duration { return clock() + v.sleep }
	return v
}

func (v *voters) Voters() ([]string, uint64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.ids), v.peers, nil
}

func (v *voters) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	v.mu.Lock()
	delay, fails := v.delay[id], v.fails[id]
	v.asked = append(v.asked, id)
	v.mu.Unlock()
	if fails {
		return nil, errBroken
	}
	if delay < 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	answer, err := v.voter[id].Answer(req)
	select { // the answer takes that long to arrive
	case <-time.After(delay):
		return answer, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (v *voters) set(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

// changePeers makes ids the peer set.
func (v *voters) changePeers(ids ...string) {
	v.set(func() { v.ids, v.peers = ids, v.peers+1 })
	for _, r := range v.raft {
		r.mu.Lock()
		r.peers++
		r.mu.Unlock()
	}
}

// rounds is how many rounds of questions began since before.
func (v *voters) rounds(before uint64) uint64 { return v.asker.nonce.Load() - before }

func took(t *testing.T, f func() error) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	err := f()
	return time.Since(start), err
}

func TestConfirm(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(v *voters)
		ok      bool
		takes   time.Duration
	}{
		"all answer":                        {func(v *voters) { v.delay["b"], v.delay["c"] = 2*ms, ms }, true, ms},
		"the slow are not waited for":       {func(v *voters) { v.delay["b"], v.delay["c"] = -1, ms }, true, ms},
		"one of three may be dead":          {func(v *voters) { v.fails["b"] = true }, true, 0},
		"no majority":                       {func(v *voters) { v.fails["b"], v.delay["c"] = true, -1 }, false, roundLimit},
		"the others follow another":         {func(v *voters) { v.raft["b"].set(following("b", 5)); v.raft["c"].set(following("b", 5)) }, false, 0},
		"the others follow nobody":          {func(v *voters) { v.raft["b"].set(Standing{Term: 4}); v.raft["c"].set(Standing{Term: 4}) }, false, roundLimit},
		"one has voted already":             {func(v *voters) { v.raft["b"].set(Standing{Term: 5}); v.delay["c"] = 5 * ms }, true, 5 * ms},
		"this member leads no longer":       {func(v *voters) { v.raft["a"].set(following("b", 5)) }, false, 0},
		"it was left out of the peer set":   {func(v *voters) { v.ids = []string{"b", "c"}; v.delay["c"] = 3 * ms }, true, 3 * ms},
		"and then both of the others count": {func(v *voters) { v.ids = []string{"b", "c"}; v.delay["c"] = -1 }, false, roundLimit},
		"one answers in the place of another": {func(v *voters) {
			v.ids, v.voter["c"] = []string{"a", "b", "c", "d", "e"}, v.voter["b"]
			v.fails["d"], v.fails["e"] = true, true
		}, false, roundLimit},
		"a lone voter has its own word alone": {func(v *voters) { v.ids = []string{"a"} }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVoters(t, "a", "b", "c")
				c.prepare(v)
				d, err := took(t, func() error { return v.asker.ConfirmNow(t.Context()) })
				if (err == nil) != c.ok || d != c.takes || err != nil && cluster.CodeOf(err) != cluster.NoLeader {
					t.Errorf("got %v after %s, want ok %v after %s", err, d, c.ok, c.takes)
				}
			})
		})
	}
}

// TestWhoIsAsked holds that a read asks those alone whose word was enough before, that the others are asked soon where those do not say yes, and that
// a lease asks all.
func TestWhoIsAsked(t *testing.T) {
	now := func(v *voters) error { return v.asker.ConfirmNow(context.Background()) }
	for name, c := range map[string]struct {
		then    func(v *voters)
		confirm func(v *voters) error
		takes   time.Duration
		asked   string
	}{
		"the one that was enough":        {func(*voters) {}, now, 0, "b"},
		"it is silent":                   {func(v *voters) { v.delay["b"] = -1 }, now, quickLimit, "bc"},
		"it refuses":                     {func(v *voters) { v.fails["b"] = true }, now, quickLimit, "bc"},
		"it has not heard of its leader": {func(v *voters) { v.raft["b"].set(Standing{Term: 4}) }, now, 0, "bc"},
		"it is in a later term":          {func(v *voters) { v.raft["b"].set(Standing{Term: 5}) }, now, 0, "bc"},
		"it has no vote any more":        {func(v *voters) { v.changePeers("a", "c") }, now, 0, "c"},
		"there are more voters":          {func(v *voters) { v.changePeers("a", "b", "c", "d") }, now, 0, "bcd"},
		"a lease":                        {func(*voters) {}, func(v *voters) error { return v.asker.ConfirmLease(context.Background()) }, 0, "bc"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVoters(t, "a", "b", "c", "d")
				v.ids = []string{"a", "b", "c"}
				v.delay["c"] = ms
				if err := now(v); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // nobody is being asked any more
				v.set(func() { v.delay["c"], v.asked = 0, nil })
				c.then(v)
				d, err := took(t, func() error { return c.confirm(v) })
				synctest.Wait()
				v.mu.Lock()
				defer v.mu.Unlock()
				slices.Sort(v.asked)
				if asked := strings.Join(slices.Compact(v.asked), ""); err != nil || d != c.takes || asked != c.asked {
					t.Errorf("got %v after %s, asked %q; want the word after %s from %q", err, d, asked, c.takes, c.asked)
				}
			})
		})
	}
}

// TestVoterComesBack holds that a round which lacks one voter goes on as soon as that one is back: with the third one dead, a daemon that
// restarts within the lease must not cost the holders theirs.
func TestVoterComesBack(t *testing.T) {
	for name, gone := range map[string]func(v *voters){
		"refuses":             func(v *voters) { v.fails["c"] = true },
		"hangs":               func(v *voters) { v.delay["c"] = -1 },
		"has not heard yet":   func(v *voters) { v.raft["c"].set(Standing{Term: 4}) },
		"is in an older term": func(v *voters) { v.raft["c"].set(following("b", 3)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVoters(t, "a", "b", "c")
				v.delay["b"] = -1
				gone(v)
				time.AfterFunc(150*ms, func() {
					v.set(func() { v.fails["c"], v.delay["c"] = false, 0 })
					v.raft["c"].set(following("a", 4))
				})
				d, err := took(t, func() error { return v.asker.ConfirmLease(t.Context()) })
				if err != nil || d > 150*ms+callLimit+askAgain {
					t.Errorf("got %v after %s, want the word soon after 150 ms", err, d)
				}
			})
		})
	}
}

// TestLostLeadership holds that a round ends as soon as this member leads no longer, though nobody answers.
func TestLostLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		v.delay["b"], v.delay["c"] = -1, -1
		time.AfterFunc(100*ms, func() { v.raft["a"].set(Standing{Term: 4}) })
		d, err := took(t, func() error { return v.asker.ConfirmNow(t.Context()) })
		if cluster.CodeOf(err) != cluster.NoLeader || d > 100*ms+checkEvery {
			t.Errorf("got %v after %s, want no leader after 100 ms", err, d)
		}
	})
}

// TestStaleAnswer holds that only the answers to the question count: here a voter's connection brings one from before.
func TestStaleAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		v.fails["b"] = true
		old, err := v.voter["c"].Answer(Question{Kind: Confirm, Grade: Lease, Nonce: v.asker.nonce.Load(), Term: 4, Leader: "a"}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		v.asker.electorate = stale{v, old}
		if err := v.asker.ConfirmLease(t.Context()); err == nil {
			t.Error("an answer from before the question was counted")
		}
	})
}

type stale struct {
	*voters
	answer []byte
}

func (s stale) Call(context.Context, string, []byte) ([]byte, error) { return s.answer, nil }

func TestCallersShareTheNextRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		v.delay["b"], v.delay["c"] = 10*ms, 10*ms
		before := v.rounds(0)
		var wg sync.WaitGroup
		confirm := func() {
			if err := v.asker.ConfirmLease(t.Context()); err != nil {
				t.Error(err)
			}
		}
		wg.Go(confirm)
		synctest.Wait() // the first round is under way
		for range 20 {
			wg.Go(confirm)
		}
		wg.Wait()
		if n := v.rounds(before); n != 2 {
			t.Errorf("%d rounds, want 2", n)
		}
	})
}

func TestOlderLeases(t *testing.T) {
	granted := func(v *voters, id string, ago time.Duration) { // the voter gave its word to a leader of term 3
		x := v.voter[id]
		x.memory.term, x.memory.end = 3, x.clock()-ago+span
	}
	for name, c := range map[string]struct {
		prepare func(v *voters)
		left    time.Duration
		takes   time.Duration
	}{
		"nothing was granted":                     {func(*voters) {}, 0, 0},
		"the last word counts":                    {func(v *voters) { granted(v, "a", 300*ms); granted(v, "b", 200*ms); granted(v, "c", 200*ms) }, 600 * ms, 0},
		"the asker's own as well":                 {func(v *voters) { granted(v, "a", 300*ms) }, 500 * ms, 0},
		"any majority will do":                    {func(v *voters) { granted(v, "b", 0); v.delay["c"] = 5 * ms }, 0, 5 * ms},
		"but not without one":                     {func(v *voters) { granted(v, "b", 0); v.delay["c"] = -1 }, span - olderGrace, olderGrace},
		"one that restarted makes a bad majority": {func(v *voters) { x := v.voter["b"]; x.memory = NewMemory(x.clock(), span) }, 0, 0},
		"time passes while they answer":           {func(v *voters) { granted(v, "a", 0); v.delay["b"], v.delay["c"] = 50*ms, 50*ms }, span - 50*ms, 50 * ms},
		"the answers may come late":               {func(v *voters) { granted(v, "b", 0); granted(v, "c", 0); v.delay["b"], v.delay["c"] = 50*ms, 50*ms }, span, 50 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVoters(t, "a", "b", "c")
				c.prepare(v)
				var left time.Duration
				d, err := took(t, func() (err error) { left, err = v.asker.OlderLeases(t.Context()); return err })
				if err != nil || left != c.left || d != c.takes {
					t.Errorf("%s left, %v after %s; want %s after %s", left, err, d, c.left, c.takes)
				}
			})
		})
	}
}

// TestOlderLeasesBinds holds that the voters that were asked give no word to an older leader any more, and that one that has not come to
// the new term yet is asked again rather than believed.
func TestOlderLeasesBinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		v.fails["b"] = true
		v.raft["c"].set(following("b", 3))
		time.AfterFunc(40*ms, func() { v.raft["c"].set(following("a", 4)) })
		d, err := took(t, func() error { _, err := v.asker.OlderLeases(t.Context()); return err })
		if err != nil || d < 40*ms || d > 40*ms+olderGrace+askAgain {
			t.Errorf("got %v after %s, want the answer of c once it is in term 4", err, d)
		}
		v.raft["c"].set(following("b", 3))
		if a := v.voter["c"].reply(ask(Confirm, Lease, "b", 3)); a.Yes {
			t.Error("c confirmed an older leader after it had answered a newer one")
		}
	})
}

func TestOlderLeasesWithoutMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		v.fails["b"], v.fails["c"] = true, true
		if _, err := v.asker.OlderLeases(t.Context()); cluster.CodeOf(err) != cluster.NoLeader {
			t.Errorf("got %v, want no leader", err)
		}
		v.raft["a"].set(following("b", 5))
		if _, err := v.asker.OlderLeases(t.Context()); cluster.CodeOf(err) != cluster.NoLeader {
			t.Errorf("got %v, want no leader", err)
		}
	})
}

// TestDefaultReads reads once, so that a word is there to trust, and then again after something has happened.
func TestDefaultReads(t *testing.T) {
	for name, c := range map[string]struct {
		then  func(v *voters)
		asked bool
		fails bool
	}{
		"the word is fresh":         {then: func(*voters) {}},
		"it holds for a while":      {then: func(*voters) { wait(209 * ms) }}, // (300 - 20) * 3/4 = 210 ms
		"but not for long":          {then: func(*voters) { wait(210 * ms) }, asked: true},
		"the machine slept":         {then: func(v *voters) { v.sleep = 10 * time.Second }, asked: true},
		"the peer set is another":   {then: func(v *voters) { v.changePeers("a", "b") }, asked: true},
		"leadership is handed over": {then: func(v *voters) { v.raft["a"].order() }, asked: true},
		"another leads":             {then: func(v *voters) { v.raft["a"].set(following("b", 5)) }, fails: true},
		"it leads in another term":  {then: func(v *voters) { lead(v, 5) }, asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVoters(t, "a", "b", "c")
				if err := v.asker.ConfirmRead(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := v.rounds(0)
				c.then(v)
				err := v.asker.ConfirmRead(t.Context())
				if (err != nil) != c.fails || (v.rounds(before) > 0) != c.asked {
					t.Errorf("got %v, asked %v; want fails %v, asked %v", err, v.rounds(before) > 0, c.fails, c.asked)
				}
			})
		})
	}
}

// TestHandingOver holds that no word is trusted in a term in which another was ordered to stand for election, and that it is again in the next.
func TestHandingOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		reads := func() uint64 {
			before := v.rounds(0)
			for range 3 {
				if err := v.asker.ConfirmRead(t.Context()); err != nil {
					t.Error(err)
				}
			}
			return v.rounds(before)
		}
		v.raft["a"].order()
		if n := reads(); n != 3 {
			t.Errorf("three reads asked %d times after the order, want 3", n)
		}
		lead(v, 5)
		if n := reads(); n != 1 {
			t.Errorf("three reads asked %d times in the next term, want 1", n)
		}
	})
}

// TestTrustIsBoundByTheVotersHeartbeat holds that a voter which loses its patience sooner than this member makes the word hold for less, and that
// one with more patience does not make it hold for longer.
func TestTrustIsBoundByTheVotersHeartbeat(t *testing.T) {
	for _, c := range []struct{ heartbeat, trusted time.Duration }{
		{100 * ms, 60 * ms},   // (100 - 20) * 3/4
		{0, 210 * ms},         // of an older version, which does not say
		{3000 * ms, 210 * ms}, // (300 - 20) * 3/4
	} {
		synctest.Test(t, func(t *testing.T) {
			v := newVoters(t, "a", "b", "c")
			v.voter["b"].heartbeat, v.fails["c"] = c.heartbeat, true
			if err := v.asker.ConfirmRead(t.Context()); err != nil {
				t.Fatal(err)
			}
			wait(c.trusted - ms)
			if !v.asker.Trusted() {
				t.Errorf("heartbeat %s: not trusted after %s", c.heartbeat, c.trusted-ms)
			}
			wait(ms)
			if v.asker.Trusted() {
				t.Errorf("heartbeat %s: trusted after %s", c.heartbeat, c.trusted)
			}
		})
	}
}

// TestTrustIsBoundByContact holds that a voter which has not heard from the leader for long makes the word hold for less.
func TestTrustIsBoundByContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		s := following("a", 4)
		s.Contact = 290 * ms
		v.raft["b"].set(s)
		v.fails["c"] = true
		if err := v.asker.ConfirmRead(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(8 * ms) // (300 - 290) * 3/4 = 7.5 ms
		before := v.rounds(0)
		if err := v.asker.ConfirmRead(t.Context()); err != nil || v.rounds(before) != 1 {
			t.Errorf("got %v, %d more rounds: want that it asks", err, v.rounds(before))
		}
	})
}

func lead(v *voters, term uint64) {
	for _, r := range v.raft {
		r.set(following("a", term))
	}
}

// wait lets the bubble's clock run.
func wait(d time.Duration) { <-time.After(d) }

// TestClocks holds that production's clocks are real: they go, and boottime is never behind.
func TestClocks(t *testing.T) {
	a, b := steady(), boottime()
	if a <= 0 || b <= 0 {
		t.Fatalf("steady %s, boottime %s", a, b)
	}
	for steady() == a || boottime() == b {
		if t.Context().Err() != nil {
			t.Fatal("a clock stands still")
		}
	}
}

// TestNote holds that a change of the peer set counts from when it was noted, not from when a leader asks.
func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		v.voter["b"].memory.peers = 7 // so that PeersIndex, 1, is news
		v.voter["b"].Note()
		wait(300 * ms)
		v.voter["b"].Note()
		if a := v.voter["b"].reply(ask(Older, Read, "a", 4)); !a.Yes || a.Left != span-300*ms {
			t.Errorf("got %+v, want what is left of a word given when the change was noted", a)
		}
	})
}
