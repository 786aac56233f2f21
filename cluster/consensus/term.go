package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/codec"
)

// term is a term in which this member leads.
type term struct {
	number uint64
	ctx    context.Context // ends with the leadership
	end    context.CancelFunc
	opened chan struct{} // closed when this member's NewTerm has been applied
}

// isOpen reports whether the term's NewTerm has been applied.
func (t *term) isOpen() bool {
	select {
	case <-t.opened:
		return true
	default:
		return false
	}
}

// terms follows the leadership of this member.
type terms struct {
	mu      sync.Mutex // guards following
	current *term      // nil while this member does not lead
	changed chan struct{}
	closed  bool
}

// observer is called by raft, in its own goroutines, in the middle of every change of its state or leader. So no change is missed
// or late, however quickly the next one follows, and the context of a lost term ends before raft goes on. It must not wait for raft.
func observer(p *Peer) raft.FilterFn {
	return func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.RaftState, raft.LeaderObservation:
			p.terms.refresh(p)
		}
		return false // nothing is to be queued
	}
}

// refresh makes the current term agree with raft. It looks at raft as it is now, for two changes can be reported in the wrong order.
func (ts *terms) refresh(p *Peer) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	number, leads := leads(p.raft.Load())
	if ts.current != nil && (!leads || ts.current.number != number) {
		ts.current.end()
		ts.current = nil
		p.setPace(p.raft.Load(), false)
	}
	if leads && ts.current == nil && !ts.closed {
		t := &term{number: number, opened: make(chan struct{})}
		t.ctx, t.end = context.WithCancel(context.Background())
		ts.current = t
		p.setPace(p.raft.Load(), true)
		p.tasks.Go(func() { t.serve(p) })
	}
	ts.wakeLocked()
}

// ease gives raft the timeouts of one who does not lead, where it does not.
func (ts *terms) ease(p *Peer) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.current == nil && !ts.closed {
		p.setPace(p.raft.Load(), false)
	}
}

// leads is the term in which r is the leader.
func leads(r *raft.Raft) (number uint64, ok bool) {
	if r == nil {
		return 0, false
	}
	number = r.CurrentTerm()
	return number, r.State() == raft.Leader && r.CurrentTerm() == number
}

func (ts *terms) wakeLocked() {
	close(ts.changed)
	ts.changed = make(chan struct{})
}

// now is the term in which this member leads, nil if it does not, and what is closed when that has changed.
func (ts *terms) now() (*term, <-chan struct{}) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.current, ts.changed
}

// opened notes that t's NewTerm has been applied.
func (ts *terms) opened(t *term) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	close(t.opened)
	ts.wakeLocked()
}

// awaitOpen waits until this member may take commands as the leader. Its error says that it may not.
func (ts *terms) awaitOpen(ctx context.Context) error {
	if t, _ := ts.now(); ctx.Err() == nil {
		if t == nil {
			return cluster.ErrNoLeader
		}
		select {
		case <-t.opened:
			return nil
		case <-t.ctx.Done():
			return cluster.ErrNoLeader
		case <-ctx.Done():
		}
	}
	return cluster.Errorf(cluster.Unavailable, "the request ended before it was given to the log: %v", ctx.Err())
}

// next waits for an open term that comes after last; nil if ctx ends before, or the peer is stopped.
func (ts *terms) next(ctx context.Context, stopped <-chan struct{}, last uint64) *term {
	for {
		t, changed := ts.now()
		if t != nil && t.number > last && t.isOpen() {
			return t
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		case <-stopped:
			return nil
		}
	}
}

// close ends the current term, lets none begin any more, and reports whether it is the first to do so.
func (ts *terms) close() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.closed {
		return false
	}
	ts.closed = true
	if ts.current != nil {
		ts.current.end()
		ts.current = nil
	}
	ts.wakeLocked()
	return true
}

// retryAfter is the pause before NewTerm is proposed again, where raft refused it and the term goes on.
const retryAfter = 20 * time.Millisecond

// serve does a leader's part: it sends heartbeats, opens the term, and then keeps the followers informed.
func (t *term) serve(p *Peer) {
	go t.beat(p)
	if t.open(p) {
		newTeller(p, t).run(t.ctx, p.applied)
	}
}

// open proposes NewTerm until it has been applied, or the term is over.
func (t *term) open(p *Peer) (opened bool) {
	entry, err := codec.EncodeCommand(&cluster.NewTerm{Leader: p.cfg.Name})
	for err == nil && t.ctx.Err() == nil {
		if opened, err = t.openOnce(p, entry); opened {
			return true
		}
		select {
		case <-t.ctx.Done():
		case <-time.After(retryAfter):
		}
	}
	if err != nil {
		p.log.Error("this member cannot lead", "term", t.number, "err", err)
	}
	return false
}

func (t *term) openOnce(p *Peer, entry []byte) (opened bool, err error) {
	result, err := p.propose(t.ctx, p.raft.Load(), entry)
	switch {
	case err != nil:
		p.log.Debug("the first entry of the term was not committed", "term", t.number, "err", err)
		return false, nil
	case result.Err != nil:
		return false, result.Err
	}
	p.log.Info("leading", "term", t.number)
	p.terms.opened(t)
	return true, nil
}
