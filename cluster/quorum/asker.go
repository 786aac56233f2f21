package quorum

import (
	"context"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/flight"
)

// Electorate is the voters and the way to ask them.
type Electorate interface {
	// Voters are the IDs of the voters in the newest peer set, this member included if it votes.
	Voters() ([]string, error)
	// Call brings an encoded question to a voter and its answer back.
	Call(ctx context.Context, id string, req []byte) ([]byte, error)
}

// roundLimit bounds one round of questions.
const roundLimit = 2 * time.Second

// Asker asks the voters on behalf of this member while it leads.
type Asker struct {
	id         string
	voter      *Voter
	electorate Electorate
	heartbeat  time.Duration
	leaseEnd   time.Duration
	reads      *flight.Group[struct{}]
	leases     *flight.Group[struct{}]

	mu        sync.Mutex // guards following
	goodUntil time.Time  // default reads need no question before this
	handing   bool       // the leadership is being handed over: every read asks
}

// NewAsker makes the asker of the member id. heartbeat is Raft's heartbeat timeout, leaseEnd is TTL and margin.
func NewAsker(id string, voter *Voter, electorate Electorate, heartbeat, leaseEnd time.Duration) *Asker {
	a := &Asker{id: id, voter: voter, electorate: electorate, heartbeat: heartbeat, leaseEnd: leaseEnd}
	a.reads = flight.New(roundLimit, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.round(ctx, gradeRead) })
	a.leases = flight.New(roundLimit, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.round(ctx, gradeLease) })
	return a
}

// ConfirmNow returns nil once a majority has said, after the call began, that it follows this leader. It is for consistent reads.
// Without a majority it fails with cluster.NoLeader.
func (a *Asker) ConfirmNow(ctx context.Context) error {
	_, err := a.reads.Do(ctx)
	return err
}

// ConfirmLease is ConfirmNow in lease grade: the voters remember that they gave it.
func (a *Asker) ConfirmLease(ctx context.Context) error {
	_, err := a.leases.Do(ctx)
	return err
}

// ConfirmRead returns nil while no other leader can have been elected since a majority last said that it follows this one, and asks anew
// otherwise. It is for default reads. The bound is in time, so a leader that was stopped and goes on asks anew.
func (a *Asker) ConfirmRead(ctx context.Context) error {
	a.mu.Lock()
	good := time.Now().Before(a.goodUntil)
	a.mu.Unlock()
	if good {
		return nil
	}
	return a.ConfirmNow(ctx)
}

// HandOver makes every default read ask from now on. It is to be called before the leadership is handed over, because voters then vote
// for another leader while they still hear from this one.
func (a *Asker) HandOver() { a.setHanding(true) }

// Lead ends HandOver: this member leads, in a new term.
func (a *Asker) Lead() { a.setHanding(false) }

func (a *Asker) setHanding(h bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.goodUntil, a.handing = time.Time{}, h
}

// round asks every voter once and returns when a majority has confirmed.
func (a *Asker) round(ctx context.Context, g grade) error {
	leader, term, _, ok := a.voter.raft.Following()
	if !ok || leader != a.id {
		return cluster.ErrNoLeader
	}
	start := time.Now()
	contact := time.Duration(0)
	err := a.majority(ctx, question{kind: kindConfirm, grade: g, term: term, leader: a.id}, func(x answer) { contact = max(contact, x.age) })
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if good := start.Add((a.heartbeat - contact) * 9 / 10); !a.handing && good.After(a.goodUntil) {
		a.goodUntil = good // a tenth less: clocks drift
	}
	return nil
}

// OlderLeases is how long a lease that an older leader granted may still live: 0 for no longer. From its return on, no voter of the
// majority that was asked confirms an older leader. Without a majority it fails with cluster.NoLeader.
func (a *Asker) OlderLeases(ctx context.Context) (time.Duration, error) {
	leader, term, _, ok := a.voter.raft.Following()
	if !ok || leader != a.id {
		return 0, cluster.ErrNoLeader
	}
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	left := time.Duration(0)
	// An answer is used in the instant it arrives: the confirmation that it speaks of is at least as old as it says.
	var arrived time.Time
	err := a.majority(ctx, question{kind: kindOlder, term: term}, func(x answer) {
		if l := a.leaseEnd - x.age; l > left-time.Since(arrived) || arrived.IsZero() {
			left, arrived = max(0, l), time.Now()
		}
	})
	if err != nil {
		return 0, err
	}
	return max(0, left-time.Since(arrived)), nil
}

// majority asks every voter and hands the answers that say yes to take, one at a time, until a majority has.
func (a *Asker) majority(ctx context.Context, q question, take func(answer)) error {
	voters, err := a.electorate.Voters()
	if err != nil {
		return err
	}
	need := len(voters)/2 + 1
	ctx, cancel := context.WithCancel(ctx) // whoever is slower than the majority is not waited for
	defer cancel()
	req := q.encode()
	answers := make(chan answer, len(voters))
	for _, id := range voters {
		if id == a.id {
			answers <- a.voter.reply(q)
			continue
		}
		go func() { answers <- a.ask(ctx, id, req) }()
	}
	for got := 0; len(voters) > 0; {
		select {
		case x := <-answers:
			voters = voters[1:]
			if x.ok {
				take(x)
				got++
			}
			if got >= need {
				return nil
			}
		case <-ctx.Done():
			return cluster.ErrNoLeader
		}
	}
	return cluster.ErrNoLeader
}

// ask asks one voter. Silence and errors are a no.
func (a *Asker) ask(ctx context.Context, id string, req []byte) answer {
	b, err := a.electorate.Call(ctx, id, req)
	if err != nil {
		return answer{}
	}
	x, err := decodeAnswer(b)
	if err != nil {
		return answer{}
	}
	return x
}
