package lease

import (
	"testing"
	"time"
)

// calm is a world without faults, with a leader and a holder of the group.
func calm(t *testing.T, seed uint64, machines int) (w *world, leader, holder *machineModel) {
	t.Helper()
	w = newWorld(seed, machines, rules{}, faults{drift: true, stand: time.Hour}) // nobody stands by himself, but votes are given
	w.calm = true
	w.any().act(func(p *process) { p.stand() })
	w.run(time.Second)
	for _, m := range w.machines {
		if m.proc.lead != nil {
			leader = m
		}
	}
	holder = w.any()
	assignTo(w, leader, holder)
	w.run(time.Second)
	if leader == nil || leader.proc.lead == nil || !holder.live("g") {
		t.Fatalf("seed %d: a calm world has no leader, or its holder no lease", seed)
	}
	return w, leader, holder
}

func assignTo(w *world, leader, holder *machineModel) {
	p := leader.proc
	p.propose(entry{group: "g", assignment: assignment{node: holder.id, epoch: state(p.m.log)["g"].epoch + 1}})
}

// gap runs the world for d, and is how long nobody had a live lease on the group in that time.
func (w *world) gap(d time.Duration) time.Duration {
	const look = 100 * time.Microsecond
	dark := time.Duration(0)
	for end := w.now + d; w.now < end; {
		w.run(look)
		lit := false
		for _, m := range w.machines {
			lit = lit || m.live("g")
		}
		if !lit {
			dark += look
		}
	}
	return dark
}

// TestRestIsKept holds that a lease never lapses while nothing happens.
func TestRestIsKept(t *testing.T) {
	for seed := range uint64(10) {
		w, _, _ := calm(t, seed, 3)
		if dark := w.gap(3 * time.Second); dark > 0 || w.broken != "" {
			t.Errorf("seed %d: nobody held the group for %s; %s", seed, dark, w.broken)
		}
	}
}

// TestMove holds that a planned move costs seven messages in a row and no waiting: the assignment, the release, the word that the group is
// vacant, the claim, the question to the voters, their word, the grant. A message takes at most 0.55 ms here.
func TestMove(t *testing.T) {
	for seed := range uint64(20) {
		w, leader, from := calm(t, seed, 3)
		to := w.machines[(from.id+1)%3]
		assignTo(w, leader, to)
		if dark := w.gap(20 * ms); !to.live("g") || dark > 7*550*time.Microsecond {
			t.Errorf("seed %d: nobody held the group for %s; it is held: %v", seed, dark, to.live("g"))
		}
	}
}

// TestMoveCosts counts what is said: one release and one grant.
func TestMoveCosts(t *testing.T) {
	p := play{machines: 3, set: func(s *stage) { s.begin('b') }, acts: func() []*act { return nil }}
	s := p.open(rules{})
	s.sent = nil
	s.assign('a', 'c')
	released, granted := 0, 0
	for _, l := range s.sent {
		switch x := l.what.(type) {
		case *Renewal:
			released += len(x.Released)
		case told:
			granted += len(x.answer.Granted)
		}
	}
	if released != 1 || granted != 1 || !s.w.machines[2].live("g") || s.w.machines[1].live("g") {
		t.Errorf("%d releases, %d grants: %v", released, granted, s.sent)
	}
}

// TestLeaderDies holds that clients do not notice a change of the leader that is faster than the lease: the holder's lease never lapses.
func TestLeaderDies(t *testing.T) {
	for seed := range uint64(40) {
		w, leader, holder := calm(t, seed, 3+2*int(seed%2))
		if leader == holder {
			continue
		}
		leader.proc = nil
		next := w.machines[(leader.id+1+int(seed)%(len(w.machines)-1))%len(w.machines)] // the holder, or another
		w.after(150*ms, func() { next.act(func(p *process) { p.stand() }) })
		if dark := w.gap(3 * time.Second); dark > 0 || w.broken != "" {
			t.Errorf("seed %d: nobody held the group for %s after its leader died; %s", seed, dark, w.broken)
		}
		if w.seen.fast == 0 {
			t.Errorf("seed %d: the new leader did not renew at once", seed)
		}
	}
}

// TestHolderDies holds that another machine has the group as soon as the lease has certainly run out: TTL and margin after the last renewal,
// and what the messages take.
func TestHolderDies(t *testing.T) {
	for seed := range uint64(20) {
		w, leader, holder := calm(t, seed, 3)
		if leader == holder {
			continue
		}
		clear(holder.kernel) // power loss
		holder.proc = nil
		w.after(200*ms, func() { assignTo(w, leader, leader) })
		limit := time.Duration(float64(w.ttl+Margin(w.ttl))/0.99) + w.ttl/4 + 5*ms
		if dark := w.gap(limit + 100*ms); !leader.live("g") || dark > limit {
			t.Errorf("seed %d: nobody held the group for %s", seed, dark)
		}
	}
}

// TestDaemonOfLeaderAndHolderRestarts kills the daemon of the machine that leads and holds, and lets it come back: its kernel serves on, and the next
// leader renews at once what lives.
func TestDaemonOfLeaderAndHolderRestarts(t *testing.T) {
	n := 0
	for seed := range uint64(60) {
		w, leader, holder := calm(t, seed, 3)
		if leader != holder {
			continue
		}
		n++
		leader.proc = nil
		w.after(50*ms, leader.start)
		w.after(150*ms, func() { w.machines[(leader.id+1)%3].act(func(p *process) { p.stand() }) })
		if dark := w.gap(2 * time.Second); dark > 0 || w.seen.carried == 0 || w.broken != "" {
			t.Errorf("seed %d: nobody held the group for %s; %s", seed, dark, w.broken)
		}
	}
	if n < 5 {
		t.Errorf("only %d of the worlds had a leader that holds", n)
	}
}

// TestVoterRestarts holds that with one of three machines dead, the restart of another within the lease costs the holder nothing.
func TestVoterRestarts(t *testing.T) {
	for seed := range uint64(30) {
		w, leader, holder := calm(t, seed, 3)
		if leader != holder {
			continue
		}
		dead, voter := w.machines[(leader.id+1)%3], w.machines[(leader.id+2)%3]
		dead.proc = nil
		w.run(100 * ms)
		voter.proc = nil
		w.after(150*ms, voter.start)
		if dark := w.gap(2 * time.Second); dark > 0 {
			t.Errorf("seed %d: nobody held the group for %s", seed, dark)
		}
	}
}

// TestAllRestart kills every daemon and starts them again: whoever is assigned serves on with the first leader, epoch and all.
func TestAllRestart(t *testing.T) {
	for seed := range uint64(20) {
		w, _, holder := calm(t, seed, 3)
		epoch := w.highest["g"]
		for _, m := range w.machines {
			m.proc = nil
			w.after(50*ms, m.start)
		}
		w.after(200*ms, func() { w.any().act(func(p *process) { p.stand() }) })
		if dark := w.gap(2 * time.Second); dark > 0 || !holder.live("g") || w.highest["g"] != epoch {
			t.Errorf("seed %d: nobody held the group for %s; it is held: %v, in epoch %d, was %d", seed, dark, holder.live("g"), w.highest["g"], epoch)
		}
	}
}
