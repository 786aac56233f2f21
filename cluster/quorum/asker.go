package quorum

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/flight"
)

// Electorate is the voters and the way to ask them.
type Electorate interface {
	// Voters are the IDs of the voters in the newest peer set, this member included if it votes, and the index of that very set.
	Voters() (ids []string, peers uint64, err error)
	// Call brings an encoded question to a voter and its answer back. It returns soon after ctx has ended.
	Call(ctx context.Context, id string, req []byte) ([]byte, error)
}

const (
	roundLimit = 2 * time.Second        // of one round of questions
	callLimit  = 100 * time.Millisecond // of one question to one voter; then it is asked again, over what may be another connection
	quickLimit = 10 * time.Millisecond  // for the voters that were enough last time; then the others are asked as well
	askAgain   = 10 * time.Millisecond  // the pause before a voter that failed or said no is asked again
	checkEvery = 20 * time.Millisecond  // how often a round without answers looks whether this member leads still
)

// Asker asks the voters on behalf of this member while it leads.
type Asker struct {
	id         string
	voter      *Voter
	electorate Electorate
	heartbeat  time.Duration
	leaseEnd   time.Duration
	boottime   func() time.Duration // for trusting a word
	nonce      atomic.Uint64
	reads      *flight.Group[struct{}]
	leases     *flight.Group[struct{}]

	mu    sync.Mutex // guards following
	good  goodWord
	quick []string // the voters who gave the newest word
}

// NewAsker makes the asker of the member id. heartbeat is Raft's heartbeat timeout, leaseEnd is TTL and margin.
func NewAsker(id string, voter *Voter, electorate Electorate, heartbeat, leaseEnd time.Duration) *Asker {
	a := &Asker{id: id, voter: voter, electorate: electorate, heartbeat: heartbeat, leaseEnd: leaseEnd, boottime: boottime}
	a.nonce.Store(rand.Uint64()) //nolint:gosec // it tells questions apart, and guards nothing
	a.reads = flight.New(roundLimit, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.round(ctx, Read) })
	a.leases = flight.New(roundLimit, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.round(ctx, Lease) })
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

// round asks until a majority has confirmed.
func (a *Asker) round(ctx context.Context, g Grade) error {
	term, err := a.leading()
	if err != nil {
		return err
	}
	voters, peers, err := a.electorate.Voters()
	if err != nil {
		return fmt.Errorf("list the voters: %w", err)
	}
	first, later := voters, []string(nil)
	if g == Read {
		first, later = a.quickest(voters)
	}
	start := a.boottime()
	t := NewTally(a.id, term, voters)
	var gave []string
	err = a.ask(ctx, Question{Kind: Confirm, Grade: g, Term: term, Span: a.leaseEnd, Leader: a.id}, first, later, func(voter string, x Answer) bool {
		if t.Take(voter, x.asHeldFor(a.heartbeat), 0); x.Yes {
			gave = append(gave, voter)
		}
		return t.Won() || t.Lost()
	})
	if err != nil || !t.Won() {
		return cluster.ErrNoLeader
	}
	a.trust(goodWord{term: term, peers: peers, until: start + trustFor(a.heartbeat, t.Contact())}, gave)
	return nil
}

// quickest parts the voters into those whose word was enough last time and the others, to whom a message would be in vain most likely. Where the
// first are no majority, because the peer set is another by now, all are.
func (a *Asker) quickest(voters []string) (first, others []string) {
	a.mu.Lock()
	quick := a.quick
	a.mu.Unlock()
	for _, id := range voters {
		if slices.Contains(quick, id) {
			first = append(first, id)
		} else {
			others = append(others, id)
		}
	}
	if len(first) <= len(voters)/2 {
		return voters, nil
	}
	return first, others
}

// leading is the term that this member leads in.
func (a *Asker) leading() (uint64, error) {
	leader, term, _, ok := a.voter.raft.Following()
	if !ok || leader != a.id {
		return 0, cluster.ErrNoLeader
	}
	return term, nil
}

// ask puts the question to this member and to the voters, again and again, and hands the answers to take, one at a time, until it has
// enough. Those of later are asked where the first have not been enough in time, or one of them said no. It fails when ctx ends or this member
// leads no longer. Whoever is slower than what is enough is not waited for.
func (a *Asker) ask(ctx context.Context, q Question, first, later []string, take func(voter string, x Answer) (enough bool)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q.Nonce = a.nonce.Add(1)
	if take(a.id, a.voter.reply(q)) {
		return nil
	}
	answers := make(chan voice, len(first)+len(later))
	begin := func(voters []string) {
		for _, id := range voters {
			if id != a.id {
				go a.keepAsking(ctx, id, q, answers)
			}
		}
	}
	begin(first)
	check := time.NewTimer(quickLimit)
	defer check.Stop()
	for {
		select {
		case v := <-answers:
			if take(v.voter, v.answer) {
				return nil
			}
			if !v.answer.Yes {
				begin(later)
				later = nil
			}
		case <-check.C:
			if term, err := a.leading(); err != nil || term != q.Term {
				return cluster.ErrNoLeader
			}
			begin(later)
			later = nil
			check.Reset(checkEvery)
		case <-ctx.Done():
			return cluster.ErrNoLeader
		}
	}
}

// voice is the answer of a voter.
type voice struct {
	voter  string
	answer Answer
}

// keepAsking asks one voter until it says yes or is in a later term. A no may become a yes: the voter may not have heard yet of its new leader. An
// error may be a connection that broke as its daemon restarted.
func (a *Asker) keepAsking(ctx context.Context, id string, q Question, answers chan<- voice) {
	for req := q.Encode(); ; {
		if x, ok := a.askOnce(ctx, id, q.Nonce, req); ok {
			select {
			case answers <- voice{id, x}:
			case <-ctx.Done():
				return
			}
			if x.Yes || x.Term > q.Term {
				return
			}
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return
		}
	}
}

// askOnce asks a voter once. Where the machine of one has another's address, that one may get the question, and must not answer for both.
func (a *Asker) askOnce(ctx context.Context, id string, nonce uint64, req []byte) (Answer, bool) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	b, err := a.electorate.Call(ctx, id, req)
	if err != nil {
		return Answer{}, false
	}
	x, err := DecodeAnswer(b)
	return x, err == nil && x.Nonce == nonce && (x.Voter == "" || x.Voter == id)
}
