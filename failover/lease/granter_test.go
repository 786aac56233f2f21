package lease

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// leader drives a Granter of term 3 whose state the test sets. Older leaders' leases have ended at 500 ms unless the test says otherwise.
type leader struct {
	*Granter
	state map[string]Assigned
	seq   uint64
}

const end = DefaultTTL + DefaultTTL/8 + 5*ms // of a lease, as the leader counts from when the renewal arrived

func newLeader(state map[string]Assigned) *leader {
	return &leader{Granter: NewTermGranter(3, DefaultTTL, instant(500*ms)), state: state}
}

// hear is a renewal that arrives at a time, and the answer with the majority's word. The test gives Claims, Live and Released.
func (l *leader) hear(at time.Duration, node string, r Renewal) *Answer {
	l.seq++
	r.Node, r.Run, r.Seq, r.Term = node, 1, l.seq, 3
	p := l.Renew(instant(at), &r, func(g string) Assigned { return l.state[g] })
	if p == nil {
		return nil
	}
	a := l.Confirmed(p)
	return &a
}

func claim(g string, epoch uint64) []Claim { return []Claim{{g, epoch}} }

// expect checks an answer to one claim: granted, or refused for a reason.
func expect(t *testing.T, what string, a *Answer, refusal string) {
	t.Helper()
	switch {
	case a == nil:
		t.Errorf("%s: no answer", what)
	case refusal == "" && len(a.Granted) != 1:
		t.Errorf("%s: got %+v, want a grant", what, *a)
	case refusal != "" && (len(a.Granted) != 0 || len(a.Refused) != 1 || !strings.Contains(a.Refused[0].Why, refusal)):
		t.Errorf("%s: got %+v, want a refusal with %q", what, *a, refusal)
	}
}

func TestWithinOneLeadership(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}})
	expect(t, "older leases may live", l.hear(400*ms, "a", Renewal{Claims: claim("g", 1)}), "a lease of an older leader may live for 100ms more")
	expect(t, "they have ended", l.hear(500*ms, "a", Renewal{Claims: claim("g", 1)}), "")
	expect(t, "another's", l.hear(510*ms, "b", Renewal{Claims: claim("g", 1)}), `assigned to "a" in epoch 1`)
	l.state["g"] = Assigned{"b", 2}
	expect(t, "the epoch is over", l.hear(520*ms, "a", Renewal{Claims: claim("g", 1)}), `epoch 1 is over`)
	expect(t, "a's lease may live", l.hear(520*ms, "b", Renewal{Claims: claim("g", 2)}), fmt.Sprintf("the lease of a, epoch 1, may live for %s more", end-20*ms))
	expect(t, "to the last moment", l.hear(500*ms+end-1, "b", Renewal{Claims: claim("g", 2)}), "may live for 1ns more")
	expect(t, "it has ended", l.hear(500*ms+end, "b", Renewal{Claims: claim("g", 2)}), "")
	l.state["g"] = Assigned{"a", 1}
	expect(t, "a state that went back", l.hear(5*time.Second, "a", Renewal{Claims: claim("g", 1)}), "epoch 1 is over: epoch 2 was granted to b")
}

func TestGivenBack(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}})
	expect(t, "a", l.hear(time.Second, "a", Renewal{Claims: claim("g", 1)}), "")
	l.state["g"] = Assigned{"b", 2}
	if a := l.hear(1010*ms, "b", Renewal{Released: claim("g", 1)}); len(a.Acknowledged) != 1 {
		t.Errorf("got %+v, want that a release is acknowledged, whoever says it", *a)
	}
	expect(t, "b cannot give back what is a's", l.hear(1010*ms, "b", Renewal{Claims: claim("g", 2)}), "the lease of a")
	l.hear(1020*ms, "a", Renewal{Released: claim("g", 1)})
	expect(t, "a has", l.hear(1020*ms, "b", Renewal{Claims: claim("g", 2)}), "")
	l.state["g"] = Assigned{"a", 1}
	expect(t, "it is not granted again", l.hear(5*time.Second, "a", Renewal{Claims: claim("g", 1)}), "epoch 1 was given back")
	l.state["g"] = Assigned{"b", 2}
	l.hear(1030*ms, "b", Renewal{Released: claim("g", 1)})
	l.state["g"] = Assigned{"a", 3}
	expect(t, "a release of an earlier epoch frees nothing", l.hear(1040*ms, "a", Renewal{Claims: claim("g", 3)}), "the lease of b, epoch 2")
}

// TestGivenBackMeanwhile holds that what is given back while a majority is asked is not granted, and that what it made free is.
func TestGivenBackMeanwhile(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}})
	state := func(g string) Assigned { return l.state[g] }
	p := l.Renew(instant(time.Second), &Renewal{Node: "a", Run: 1, Seq: 1, Term: 3, Claims: claim("g", 1)}, state)
	free := l.Renew(instant(time.Second), &Renewal{Node: "a", Run: 1, Seq: 2, Term: 3, Released: claim("g", 1)}, state)
	if !free.Freed {
		t.Error("the release freed nothing")
	}
	a := l.Confirmed(p)
	expect(t, "a", &a, "given back while a majority was asked")
	l.state["g"] = Assigned{"b", 2}
	if !l.Vacant(instant(time.Second), Claim{"g", 2}) {
		t.Error("the group is not vacant")
	}
	expect(t, "b", l.hear(time.Second, "b", Renewal{Claims: claim("g", 2)}), "")
}

// TestDecidedOnArrival holds that a claim binds the leader from when it arrives, not from when the majority has given its word.
func TestDecidedOnArrival(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}})
	state := func(g string) Assigned { return l.state[g] }
	p := l.Renew(instant(time.Second), &Renewal{Node: "a", Run: 1, Seq: 1, Term: 3, Claims: claim("g", 1)}, state)
	l.state["g"] = Assigned{"b", 2}
	expect(t, "b", l.hear(time.Second+10*ms, "b", Renewal{Claims: claim("g", 2)}), "the lease of a, epoch 1, may live")
	if a := l.Confirmed(p); len(a.Granted) != 1 {
		t.Errorf("got %+v, want a's claim granted, which was first", a)
	}
}

// TestLivingLease is the fast way of a new leader: it knows a group as soon as a machine says that its lease lives.
func TestLivingLease(t *testing.T) {
	live := Renewal{Claims: claim("g", 4), Live: claim("g", 4)}
	l := newLeader(map[string]Assigned{"g": {"a", 4}})
	expect(t, "the holder goes on", l.hear(10*ms, "a", live), "")
	l.state["g"] = Assigned{"b", 5}
	expect(t, "another waits for it", l.hear(20*ms, "b", Renewal{Claims: claim("g", 5)}), "the lease of a")
	l.hear(30*ms, "a", Renewal{Released: claim("g", 4)})
	expect(t, "but not for the older leaders", l.hear(40*ms, "b", Renewal{Claims: claim("g", 5)}), "")

	l = newLeader(map[string]Assigned{"g": {"b", 5}})
	expect(t, "the state names another", l.hear(10*ms, "a", live), `assigned to "b" in epoch 5`)
	expect(t, "which learns whose lease lives", l.hear(10*ms, "b", Renewal{Claims: claim("g", 5)}), "the lease of a, epoch 4")
	l.hear(20*ms, "a", Renewal{Released: claim("g", 4)})
	expect(t, "and has it when that is given back", l.hear(20*ms, "b", Renewal{Claims: claim("g", 5)}), "")
	expect(t, "a late word changes nothing", l.hear(30*ms, "a", live), `assigned to "b"`)
	expect(t, "b goes on", l.hear(40*ms, "b", Renewal{Claims: claim("g", 5)}), "")

	l = newLeader(map[string]Assigned{"g": {"a", 4}})
	expect(t, "one whose lease does not live waits", l.hear(10*ms, "a", Renewal{Claims: claim("g", 4)}), "older leader")
	l.hear(10*ms, "a", Renewal{Released: claim("g", 3)})
	expect(t, "what it gives back proves nothing", l.hear(10*ms, "a", Renewal{Claims: claim("g", 4)}), "older leader")
}

// TestOwnNewerEpoch holds that a machine whose lease lives gets a newer epoch at once, and that what it served before is not forgotten.
func TestOwnNewerEpoch(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}})
	epoch := func(string) uint64 { return l.state["g"].Epoch }
	expect(t, "a", l.hear(time.Second, "a", Renewal{Claims: claim("g", 1)}), "")
	l.state["g"] = Assigned{"a", 2}
	expect(t, "a", l.hear(1100*ms, "a", Renewal{Claims: claim("g", 2)}), "")
	if d := l.Draining(instant(1100*ms), epoch); d != end-100*ms {
		t.Errorf("epoch 1 drains for %s, want %s", d, end-100*ms)
	}
	if d := l.Draining(instant(1200*ms), func(string) uint64 { return 0 }); d != end-100*ms {
		t.Errorf("a group that is gone drains for %s, want %s", d, end-100*ms)
	}
	l.hear(1200*ms, "a", Renewal{Released: claim("g", 2)})
	if d := l.Draining(instant(1200*ms), epoch); d != 0 {
		t.Errorf("what was given back drains for %s", d)
	}
	if d := newLeader(nil).Draining(instant(0), epoch); d != 500*ms {
		t.Errorf("older leaders' leases drain for %s, want 500ms", d)
	}
}

// TestOtherTerm holds that a renewal which was not meant for this leader is answered with its term and nothing else.
func TestOtherTerm(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}})
	for i, term := range []uint64{0, 2, 4} {
		r := &Renewal{Node: "a", Run: 1, Seq: uint64(i + 1), Term: term, Claims: claim("g", 1), Live: claim("g", 1), Released: claim("h", 1)}
		p := l.Renew(instant(time.Second), r, func(g string) Assigned { return l.state[g] })
		if p == nil || len(p.Claims) > 0 || p.Freed || p.Answer.Seq != 0 || p.Answer.Term != 3 || len(p.Answer.Acknowledged) > 0 {
			t.Errorf("term %d: got %+v", term, p)
		}
	}
	if l.Vacant(instant(0), Claim{"g", 1}) {
		t.Error("the granter learned something")
	}
}

// TestOrder holds that of one machine only what is newer than everything before counts.
func TestOrder(t *testing.T) {
	g := NewTermGranter(3, DefaultTTL, instant(0))
	for i, c := range []struct {
		node     string
		run, seq uint64
		counts   bool
	}{
		{"a", 1, 5, true},
		{"a", 1, 5, false},
		{"a", 1, 4, false},
		{"a", 1, 7, true},
		{"b", 1, 1, true},  // another machine
		{"a", 2, 1, true},  // the daemon was restarted
		{"a", 1, 8, false}, // what the one before had sent
		{"a", 3, 1, true},
		{"a", 2, 9, false},
		{"a", 1, 9, false},
		{"a", 3, 2, true},
	} {
		if p := g.Renew(instant(time.Second), &Renewal{Node: c.node, Run: c.run, Seq: c.seq, Term: 3}, nil); (p != nil) != c.counts {
			t.Errorf("renewal %d: counts %v, want %v", i, p != nil, c.counts)
		}
	}
	for run := range uint64(3 * maxPast) {
		g.inOrder(&Renewal{Node: "c", Run: run + 1, Seq: 1})
	}
	if n := len(g.machines["c"].past); n != maxPast {
		t.Errorf("%d processes are remembered, want %d", n, maxPast)
	}
}

func TestTimers(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}, "h": {"b", 1}})
	next := func(at, want time.Duration) {
		t.Helper()
		if d := l.NextEnd(instant(at)); d != want {
			t.Errorf("at %s the next end is in %s, want %s", at, d, want)
		}
	}
	next(0, 500*ms)
	next(500*ms, time.Minute)
	l.hear(time.Second, "a", Renewal{Claims: claim("g", 1)})
	l.hear(1100*ms, "b", Renewal{Claims: claim("h", 1)})
	next(1100*ms, end-100*ms)
	next(time.Second+end, 100*ms)
}

func TestVacant(t *testing.T) {
	l := newLeader(map[string]Assigned{"g": {"a", 1}})
	vacant := func(at time.Duration, epoch uint64, want bool) {
		t.Helper()
		if got := l.Vacant(instant(at), Claim{"g", epoch}); got != want {
			t.Errorf("at %s, epoch %d: vacant %v, want %v", at, epoch, got, want)
		}
	}
	vacant(499*ms, 1, false)
	vacant(500*ms, 1, true)
	l.hear(500*ms, "a", Renewal{Claims: claim("g", 1)})
	vacant(500*ms, 1, false)
	vacant(500*ms, 2, false)
	vacant(500*ms+end, 2, true)
	vacant(500*ms+end, 1, false)
	l.hear(600*ms, "a", Renewal{Released: claim("g", 1)})
	vacant(600*ms, 2, true)
	vacant(600*ms, 1, false)
}

// TestMarginCoversClocks holds that a holder whose clock is as slow as Linux allows ends its lease before a leader whose clock is fast by 1 %
// takes it to have ended.
func TestMarginCoversClocks(t *testing.T) {
	for _, ttl := range []time.Duration{100 * ms, DefaultTTL, MaxTTL} {
		slow := time.Duration(float64(ttl) / (0.9 - 0.0005))
		fast := time.Duration(float64(ttl+Margin(ttl)) / 1.01)
		if slow >= fast {
			t.Errorf("TTL %s: the holder serves for %s, the leader waits for %s", ttl, slow, fast)
		}
	}
}

func TestNow(t *testing.T) {
	a := Now()
	for Now().Equal(a) {
		if t.Context().Err() != nil {
			t.Fatal("the clock stands still")
		}
	}
	if Now().Before(a) {
		t.Error("the clock went back")
	}
}
