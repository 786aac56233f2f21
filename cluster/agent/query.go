package agent

import (
	"context"
	"math/rand/v2"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Query is the only way to read. It makes the local state as fresh as the options ask, then runs fn on a snapshot of it. Where the
// options carry an index, fn runs again whenever what it read may have changed, until the index of what it read exceeds that one or
// the wait is over; so fn must set its results anew each time it runs. An error of fn ends the query.
func (a *Agent) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	if err := a.freshen(ctx, opts.Consistency); err != nil {
		return a.meta(opts, 1), err
	}
	a.metrics.read()
	if opts.MinIndex == 0 {
		view := a.store.View()
		err := fn(view)
		return a.meta(opts, view.Index()), err
	}
	return a.block(ctx, opts, fn)
}

// block is Query for options with an index.
func (a *Agent) block(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	wait, cancel := context.WithTimeout(ctx, waitTime(opts.MaxWait))
	defer cancel()
	defer a.metrics.waits()()
	for {
		replaced := a.store.Replaced()
		view := a.store.WatchView()
		if err := fn(view); err != nil || view.Index() > opts.MinIndex {
			return a.meta(opts, view.Index()), err
		}
		err := view.Wait(wait)
		select {
		case <-replaced: // a restore: what the caller knows is void, so it is told at once
			view = a.store.View()
			err := fn(view)
			return a.meta(opts, view.Index()), err
		default:
		}
		switch {
		case ctx.Err() != nil:
			return a.meta(opts, view.Index()), ctx.Err()
		case err != nil: // the wait is over: the old answer, once more
			return a.meta(opts, view.Index()), nil
		}
	}
}

// waitTime is the wait with Consul's jitter, which spreads the clients that an outage has brought into step.
func waitTime(wait time.Duration) time.Duration {
	if wait <= 0 {
		wait = cluster.DefaultWait
	}
	return wait + rand.N(wait/cluster.WaitJitterPart+1)
}

// meta is what an answer says of itself. One that is as fresh as the leader says so: it is no matter when the leader was heard from last.
func (a *Agent) meta(opts cluster.QueryOptions, index uint64) cluster.QueryMeta {
	m := cluster.QueryMeta{Index: index, Consistency: opts.Consistency, KnownLeader: true}
	if a.peer.IsLeader() {
		return m
	}
	_, addr := a.peer.Leader()
	m.KnownLeader = addr != ""
	if opts.Consistency == cluster.Stale || !m.KnownLeader {
		m.LastContact = a.peer.LastContact()
	}
	return m
}

// freshen waits until the local state is as fresh as the consistency asks.
func (a *Agent) freshen(ctx context.Context, c cluster.Consistency) error {
	if c == cluster.Stale {
		return a.waitCaughtUp(ctx)
	}
	began := time.Now()
	if a.freshHere(ctx, c) {
		return nil
	}
	limited, cancel := context.WithDeadline(ctx, began.Add(holdTimeout))
	defer cancel()
	index, err := a.freshIndex(limited, c)
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return cluster.ErrNoLeader // the question is shared, and may have begun a moment later than this read
	case err != nil:
		return err
	}
	if err := a.store.WaitApplied(limited, index); err != nil {
		return cluster.Errorf(cluster.Unavailable, "this member has not caught up with the leader in %s: ask another, or read with ?stale", holdTimeout)
	}
	return nil
}

// waitCaughtUp keeps a member that was started again from answering with a state older than what it knew before: until its log has been replayed,
// however long that takes. How much of the log counts it hears from a leader. Without one it has the state of its last snapshot, if any, where what
// was written since looks as if it had never been: that is no answer, and a stale read waits for a leader as long as any other.
func (a *Agent) waitCaughtUp(ctx context.Context) error {
	select {
	case <-a.caughtUp:
		return nil
	default:
	}
	hold := time.NewTimer(holdTimeout)
	defer hold.Stop()
	for {
		select {
		case <-a.caughtUp:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-hold.C:
			if _, leader := a.peer.Leader(); leader == "" {
				return cluster.ErrNoLeader
			}
			hold.Reset(time.Second)
		}
	}
}

// catchUpLoop notes when this member knows again what it knew before it was started.
func (a *Agent) catchUpLoop(ctx context.Context) {
	for !a.peer.CaughtUp() {
		if ctx.Err() != nil {
			return
		}
		untilChange(ctx, a.peer.LeaderChanged(), 5*time.Millisecond)
	}
	close(a.caughtUp)
}

// freshHere reports whether this member leads, for certain, and has applied all that is committed. The index is taken first, as in leaderIndex. It
// is the way of most reads at the leader, and needs no timer: a default read waits for nobody, and what a consistent one waits for ends by itself.
func (a *Agent) freshHere(ctx context.Context, c cluster.Consistency) bool {
	index, err := a.peer.ReadIndex()
	if err != nil || c == cluster.Default && !a.asker.Trusted() || c == cluster.Consistent && a.asker.ConfirmNow(ctx) != nil {
		return false
	}
	return a.store.AppliedIndex() >= index
}

// freshIndex is the index that the local state must have reached. A leader knows it from memory; who must ask the leader shares the
// question with whoever waits for the same.
func (a *Agent) freshIndex(ctx context.Context, c cluster.Consistency) (uint64, error) {
	if a.peer.IsLeader() {
		if index, err := a.leaderIndex(ctx, c); err == nil {
			return index, nil
		}
	}
	return a.reads[c].Do(ctx)
}

// readIndex asks the leader, wherever it is, up to which index a read must have seen the log.
func (a *Agent) readIndex(ctx context.Context, c cluster.Consistency) (uint64, error) {
	var index uint64
	err := a.atLeader(ctx, func(ctx context.Context) error {
		var err error
		index, err = a.leaderIndex(ctx, c)
		return err
	}, func(ctx context.Context, addr string) error {
		b, err := a.callLeader(ctx, addr, methodReadIndex, []byte{byte(c)})
		if cluster.CodeOf(err) == cluster.Unknown {
			return cluster.ErrNoLeader // a question that may have been answered can be asked again
		}
		if err == nil {
			index, err = decodeIndex(b)
		}
		return err
	})
	return index, err
}

// leaderIndex is readIndex on the leader itself. The index is taken before leadership is confirmed: a leader that is stopped between the
// two must not answer with an index of a time that is over. It is that of the commit, not of what has been applied here: a follower may
// have applied, and shown to someone, what this member has only committed.
func (a *Agent) leaderIndex(ctx context.Context, c cluster.Consistency) (uint64, error) {
	confirm := a.asker.ConfirmRead
	if c == cluster.Consistent {
		confirm = a.asker.ConfirmNow
	}
	index, err := a.peer.ReadIndex()
	if err != nil {
		return 0, err
	}
	return index, confirm(ctx)
}
