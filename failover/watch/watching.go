package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

const (
	askAgain   = 200 * time.Millisecond // after a question that was not answered
	firstRetry = time.Second            // of a run that failed; it doubles from one to the next
	lastRetry  = 30 * time.Second
	stopGrace  = 2 * time.Second // for a handler that runs while the agent stops
)

// watching is one watch that runs.
type watching struct {
	watch   cluster.Watch
	follow  *Follower
	handler handler
	log     *slog.Logger

	mu     sync.Mutex // guards following
	status cluster.WatchStatus
}

func newWatching(w cluster.Watch, source Source, log *slog.Logger) *watching {
	n := &watching{watch: w, handler: newHandler(&w), log: log.With("watch", w.Label(), "handler", w.Handler()), status: cluster.WatchStatus{Watch: w}}
	n.follow = NewFollower(source, &n.watch)
	return n
}

// run hands each change to the handler until ctx ends. A handler that runs then may go on until agent ends, too.
func (n *watching) run(ctx, agent context.Context) {
	initial := true
	for ctx.Err() == nil {
		r, ok := n.news(ctx)
		if !ok {
			continue
		}
		n.follow.Take(r)
		if initial && n.watch.SkipInitial {
			n.set(func(s *cluster.WatchStatus) { s.Index = r.Index })
		} else {
			n.deliver(ctx, agent, r)
		}
		initial = false
	}
}

// news waits for a change, and for those that follow it closely.
func (n *watching) news(ctx context.Context) (Result, bool) {
	r, ok, err := n.follow.Next(ctx, 0)
	if err == nil && ok && n.watch.Coalesce > 0 {
		pause.For(ctx, n.watch.Coalesce)
		r, err = n.follow.Now(ctx)
		ok = err == nil && n.follow.isNews(r) // it may be as it was
	}
	if ctx.Err() != nil {
		return Result{}, false
	}
	if err != nil {
		n.unanswered(err)
		pause.For(ctx, askAgain)
		return Result{}, false
	}
	n.set(func(s *cluster.WatchStatus) { s.Waiting = "" })
	return r, ok
}

// unanswered notes why there is no answer; the log has each reason once.
func (n *watching) unanswered(err error) {
	known := false
	n.set(func(s *cluster.WatchStatus) { known, s.Waiting = s.Waiting == err.Error(), err.Error() })
	if !known {
		n.log.Warn("a watch has no answer and asks again", "error", err)
	}
}

// deliver runs the handler, and runs it again where it fails, unless there is something newer.
func (n *watching) deliver(ctx, agent context.Context, r Result) {
	wait := firstRetry
	for try := 0; ; try++ {
		err := n.runOnce(agent, r)
		if err == nil || try >= n.watch.Retry || ctx.Err() != nil {
			return
		}
		_, newer, err := n.follow.Next(ctx, wait)
		if newer {
			return
		}
		if err != nil {
			pause.For(ctx, wait)
		}
		wait = min(2*wait, lastRetry)
	}
}

// runOnce runs the handler once.
func (n *watching) runOnce(agent context.Context, r Result) error {
	ctx, cancel := graceful(agent)
	defer cancel()
	began := time.Now()
	n.set(func(s *cluster.WatchStatus) { s.Runs, s.Running, s.Started, s.Index = s.Runs+1, true, began, r.Index })
	out, err := n.handler.hand(ctx, r)
	took := time.Since(began)
	n.set(func(s *cluster.WatchStatus) {
		s.Running, s.Took, s.Output, s.Error = false, took, out, ""
		if err != nil {
			s.Failures, s.Error = s.Failures+1, err.Error()
		}
	})
	if err != nil {
		n.log.Error("the handler of a watch failed", "index", r.Index, "took", took, "error", err, "output", out)
	} else {
		n.log.Info("the handler of a watch ran", "index", r.Index, "took", took)
	}
	return err
}

// graceful is a context that ends a while after its parent.
func graceful(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		pause.For(ctx, stopGrace)
		cancel()
	})
	return ctx, func() { stop(); cancel() }
}

func (n *watching) set(change func(*cluster.WatchStatus)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.status)
}

func (n *watching) report() cluster.WatchStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.status
}
