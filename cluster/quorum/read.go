package quorum

import (
	"context"
	"time"
)

// goodWord is a majority's word that holds for some time: until then its voters vote for no other leader.
type goodWord struct {
	term  uint64
	peers uint64        // the index of the peer set that was asked
	until time.Duration // on CLOCK_BOOTTIME
}

// trustFor is how long after the start of a round its word holds: a voter that last heard from the leader contact ago refuses others its vote
// until that is heartbeat ago. A quarter is left off because the voters measure it on clocks of their own, which a time daemon may run
// by a tenth too fast, and this one by a tenth too slow.
func trustFor(heartbeat, contact time.Duration) time.Duration { return (heartbeat - contact) * 3 / 4 }

// asHeldFor is the answer of a voter as it were if its heartbeat timeout were heartbeat: one that has a shorter one, because raft_multiplier differs
// between members, gives its vote to another that much sooner.
func (x Answer) asHeldFor(heartbeat time.Duration) Answer {
	if x.Heartbeat > 0 {
		x.Contact += max(0, heartbeat-x.Heartbeat)
	}
	return x
}

// ConfirmRead returns nil while no other leader can have been elected since a majority last said that it follows this one, and asks anew
// otherwise. It is for default reads. The bound is in time, so a leader that was stopped or asleep and goes on asks anew.
func (a *Asker) ConfirmRead(ctx context.Context) error {
	if a.Trusted() {
		return nil
	}
	return a.ConfirmNow(ctx)
}

// Trusted reports whether the newest word holds still. This member is one of those who gave it: it must lead in that term even now, for
// once it does not, it may vote for another. It must not have told another to stand for election in that term: voters then vote for that one while
// they still hear from this one. And the peer set must be the one that was asked: of one that is two changes away, a majority
// could elect without asking any of them. In one term, on its leader, an index names one peer set.
func (a *Asker) Trusted() bool {
	term, err := a.leading()
	if err != nil {
		return false
	}
	a.mu.Lock()
	good := a.good
	a.mu.Unlock()
	return a.voter.raft.Ordered() != term && good.term == term && a.voter.raft.PeersIndex() == good.peers && a.boottime() < good.until
}

// trust notes a majority's word, and who gave it. Of two words the one that holds longer stays.
func (a *Asker) trust(w goodWord, gave []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quick = gave
	if w.term != a.good.term || w.until > a.good.until || w.peers != a.good.peers {
		a.good = w
	}
}
