package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/state"
)

// Propose commits and applies a command that codec.EncodeCommand made and returns its result. It works on the leader alone, waits until the
// leader has opened its term, and returns at once when ctx ends. ErrNoLeader, Unavailable and TooLarge say that
// the command never entered the log, and it may be proposed again, here or elsewhere; Unknown says that it may have. With a context that Lead made, it
// is proposed in the term of that leadership alone.
func (p *Peer) Propose(ctx context.Context, encoded []byte) (any, error) {
	if err := codec.CheckSize(encoded); err != nil {
		return nil, err
	}
	r, err := p.running()
	if err != nil {
		return nil, err
	}
	if err := p.terms.awaitOpen(ctx); err != nil {
		return nil, err
	}
	if number, ok := leads(r); TermOf(ctx) != 0 && (!ok || number != TermOf(ctx)) {
		return nil, cluster.ErrNoLeader
	}
	result, err := p.propose(ctx, r, encoded)
	if err != nil {
		return nil, err
	}
	return result.Value, result.Err
}

// propose gives an entry to raft and waits for its result. The error says that there is none.
func (p *Peer) propose(ctx context.Context, r *raft.Raft, encoded []byte) (state.Result, error) {
	entry := codec.Stamped(encoded, time.Now())
	result, err := p.queue.Propose(ctx, r, p.stopped, entry)
	if err != nil {
		return state.Result{}, asClusterError("the request", err)
	}
	return result, nil
}

// settle waits for one of raft's futures, until ctx ends or the peer is stopped: the futures themselves know neither. The goroutine
// outlives the call until raft has an outcome; those of its last moments are forgotten by raft when it is shut down.
func settle[T any](ctx context.Context, stopped <-chan struct{}, future func() T) (T, error) {
	done := make(chan T, 1)
	go func() { done <- future() }()
	var none T
	select {
	case v := <-done:
		return v, nil
	case <-ctx.Done():
		return none, ctx.Err()
	case <-stopped:
		return none, raft.ErrRaftShutdown
	}
}

// settleError is settle for a future that has nothing but an error.
func settleError(ctx context.Context, stopped <-chan struct{}, start func() raft.Future) error {
	failed, err := settle(ctx, stopped, func() error { return start().Error() })
	return errors.Join(failed, err)
}

// remaining is the time until ctx ends, 0 if it never does.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Nanosecond, time.Until(deadline))
}

// asClusterError says what an error of raft, or the end of a context, means for whoever asked for what.
func asClusterError(what string, err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return cluster.ErrNoLeader
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return cluster.Errorf(cluster.Unavailable, "the log is too busy to take %s in time: nothing was done", what)
	case errors.Is(err, raft.ErrLeadershipLost):
		return cluster.Errorf(cluster.Unknown, "this member ceased to lead while it committed %s: it may still succeed", what)
	case errors.Is(err, raft.ErrRaftShutdown):
		return cluster.Errorf(cluster.Unknown, "this member was stopped while it committed %s: it may still succeed", what)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return cluster.Errorf(cluster.Unknown, "the time for %s was over while it was being committed: it may still succeed", what)
	}
	return fmt.Errorf("%w: %w", cluster.Errorf(cluster.Unknown, "%s met a fault of the log, and its outcome is not known", what), err)
}
