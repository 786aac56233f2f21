package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
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

// observe is called by raft, in its own goroutines, in the middle of every change of its state or leader. So no change is missed
// or late, however quickly the next one follows, and the context of a lost term ends before raft goes on. It must not wait for raft.
func (p *Peer) observe(o *raft.Observation) bool {
	switch o.Data.(type) {
	case raft.RaftState, raft.LeaderObservation:
		p.terms.refresh(p)
	}
	return false // nothing is to be queued
}

// refresh makes the current term agree with raft. It looks at raft as it is now, for two changes can be reported in the wrong order.
func (ts *terms) refresh(p *Peer) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	number, leads := leads(p.raft.Load())
	if ts.current != nil && (!leads || ts.current.number != number) {
		ts.current.end()
		ts.current = nil
	}
	if leads && ts.current == nil && !ts.closed {
		t := &term{number: number, opened: make(chan struct{})}
		t.ctx, t.end = context.WithCancel(context.Background())
		ts.current = t
		p.tasks.Go(func() { p.serveTerm(t) })
	}
	ts.wakeLocked()
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

// open notes that t's NewTerm has been applied.
func (ts *terms) open(t *term) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	close(t.opened)
	ts.wakeLocked()
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

// serveTerm does a leader's part: it opens the term, and then keeps the followers informed.
func (p *Peer) serveTerm(t *term) {
	if p.openTerm(t) {
		p.tellCommits(t)
	}
}

// openTerm proposes NewTerm until it has been applied, or the term is over.
func (p *Peer) openTerm(t *term) (opened bool) {
	entry, err := EncodeCommand(&cluster.NewTerm{Leader: p.cfg.Name})
	for err == nil && t.ctx.Err() == nil {
		var applied bool
		if applied, err = p.openOnce(t, entry); applied {
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

func (p *Peer) openOnce(t *term, entry []byte) (applied bool, err error) {
	result, err := p.propose(t.ctx, p.raft.Load(), entry)
	switch {
	case err != nil:
		p.log.Debug("the first entry of the term was not committed", "term", t.number, "err", err)
		return false, nil
	case result.Err != nil:
		return false, result.Err
	}
	p.log.Info("leading", "term", t.number)
	p.terms.open(t)
	return true, nil
}

// Lead runs f in each term that this member leads, once the term's NewTerm has been applied. The context of f ends the moment the
// leadership does, and with ctx. Lead waits for f to return before it runs f for another term. It returns when ctx has ended or
// the peer is closed.
func (p *Peer) Lead(ctx context.Context, f func(ctx context.Context)) {
	for last := uint64(0); ; {
		t := p.nextTerm(ctx, last)
		if t == nil {
			return
		}
		last = t.number
		runInTerm(ctx, t, f)
	}
}

// nextTerm waits for an open term that comes after last.
func (p *Peer) nextTerm(ctx context.Context, last uint64) *term {
	for {
		t, changed := p.terms.now()
		if t != nil && t.number > last && t.isOpen() {
			return t
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		case <-p.stopped:
			return nil
		}
	}
}

// termKey is the key of a leader context's term.
type termKey struct{}

// TermOf is the term whose leadership ctx is, as Lead made it; 0 for other contexts. Unlike Peer.Term it does not move on when the
// leadership is lost.
func TermOf(ctx context.Context) uint64 {
	number, _ := ctx.Value(termKey{}).(uint64)
	return number
}

func runInTerm(ctx context.Context, t *term, f func(ctx context.Context)) {
	leaderCtx, cancel := context.WithCancel(context.WithValue(t.ctx, termKey{}, t.number))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	f(leaderCtx)
}

// LeaderChanged is closed when the leader, the state of this member, or what it may answer as a leader has changed since the call.
func (p *Peer) LeaderChanged() <-chan struct{} {
	_, changed := p.terms.now()
	return changed
}

// IsLeader reports whether this member leads. It may not yet have opened its term: see ReadIndex.
func (p *Peer) IsLeader() bool {
	_, ok := leads(p.raft.Load())
	return ok
}

// ReadIndex is how far the log is committed, on a leader that has opened its term; everywhere else it is ErrNoLeader. Another leader
// may have been elected meanwhile: whoever must know asks a majority, after this call, whether they still follow this one.
func (p *Peer) ReadIndex() (uint64, error) {
	t, _ := p.terms.now()
	if t == nil || !t.isOpen() {
		return 0, cluster.ErrNoLeader
	}
	r := p.raft.Load()
	index := r.CommitIndex()
	if number, ok := leads(r); !ok || number != t.number {
		return 0, cluster.ErrNoLeader
	}
	return index, nil
}
