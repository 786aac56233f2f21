package consensus

import (
	"context"

	"holdfast/cluster"
)

// Lead runs f in each term that this member leads, once the term's NewTerm has been applied. The context of f ends the moment the
// leadership does, and with ctx. Lead waits for f to return before it runs f for another term. It returns when ctx has ended or
// the peer is closed.
func (p *Peer) Lead(ctx context.Context, f func(ctx context.Context)) {
	for last := uint64(0); ; {
		t := p.terms.next(ctx, p.stopped, last)
		if t == nil {
			return
		}
		last = t.number
		runInTerm(ctx, t, f)
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
