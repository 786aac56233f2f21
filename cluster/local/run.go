package local

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

const (
	reapInterval   = 30 * time.Second       // how often services that have been critical for too long are looked for; Consul's
	rereadInterval = 100 * time.Millisecond // how soon a change of the catalog is looked into: most are the loop's own
	startGrace     = 10 * time.Second       // how long the configuration may take to be registered
	minRetry       = 50 * time.Millisecond  // the pause after a write that failed; it doubles
	maxRetry       = 5 * time.Second
)

// Run runs the checks and keeps the catalog in step until ctx ends; then it waits for the checks to stop.
func (r *Registry) Run(ctx context.Context) {
	r.begin(ctx)
	defer r.end()
	l := newLoop(ctx, r)
	defer l.close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
		case <-l.retry.C:
		case <-l.changed:
			l.changed = nil
			l.reread.Reset(rereadInterval)
		case <-l.reread.C:
			l.read()
		case err := <-l.caught:
			l.take(err)
		case b := <-l.landed:
			if !l.land(b) {
				continue // until it is time to try again
			}
		case now := <-l.tick.C:
			l.onTick(now)
		}
		if l.mirror.loaded { // nothing is written before it is known what is there
			l.round()
		}
	}
}

// loop is what Run holds while it runs.
type loop struct {
	*Registry
	ctx     context.Context
	mirror  mirror
	started time.Time
	reaped  time.Time // when critical services were last looked for
	fails   int       // of rounds, in a row
	told    string    // the last failure that was logged

	tick    *time.Ticker
	retry   *time.Timer
	reread  *time.Timer
	reading bool               // a reading is under way
	loads   int                // how often the catalog was read
	caught  chan error         // its end: this member's copy of the catalog has caught up, or not
	landed  chan *batch        // those whose writes have an outcome
	changed <-chan struct{}    // closes when the catalog has changed since it was read
	unwatch context.CancelFunc // ends waiting for that
}

func newLoop(ctx context.Context, r *Registry) *loop {
	l := &loop{
		Registry: r, ctx: ctx, started: time.Now(), reaped: time.Now(), caught: make(chan error, 1), landed: make(chan *batch), unwatch: func() {},
		tick: time.NewTicker(min(startGrace, r.opts.OutputInterval)), retry: time.NewTimer(time.Hour), reread: time.NewTimer(0),
	}
	l.retry.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.todo.flying) // of an earlier loop: what became of it will be read
	return l
}

func (l *loop) close() {
	l.tick.Stop()
	l.retry.Stop()
	l.reread.Stop()
	l.unwatch()
}

// read begins to read the catalog, once this member's copy is as new as the leader's.
func (l *loop) read() {
	if l.reading {
		return
	}
	l.reading = true
	l.mirror.mark()
	l.probes.Go(func() {
		_, err := l.catalog.Query(l.ctx, cluster.QueryOptions{}, func(*state.View) error { return nil })
		l.caught <- err
	})
}

// take reads the catalog into the mirror, so that everything is compared.
func (l *loop) take(err error) {
	l.reading = false
	if err != nil {
		l.tell("cannot read this node's services in the catalog, will try again", err)
		l.reread.Reset(maxRetry / 5)
		return
	}
	view := l.catalog.WatchView()
	l.mirror.load(view, l.opts.Node.Name)
	l.loads++
	l.watch(view)
	if len(l.mirror.since) > 0 {
		l.reread.Reset(rereadInterval) // of what was written meanwhile the view has not told
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.todo.all = true
}

// watch waits until the catalog says something else of this node.
func (l *loop) watch(view *state.View) {
	l.unwatch()
	ctx, cancel := context.WithCancel(l.ctx)
	changed := make(chan struct{})
	l.unwatch, l.changed = cancel, changed
	l.probes.Go(func() {
		if view.Wait(ctx) == nil {
			close(changed)
		}
	})
}

// onTick does what is due from time to time: deferred outputs, refused writes once more, the end of the grace at the start, and services
// that have been critical for too long.
func (l *loop) onTick(now time.Time) {
	if now.Sub(l.reaped) >= reapInterval {
		l.reaped = now
		l.reapCritical(now)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.todo.late {
		switch c := l.checks[k]; {
		case c == nil: // what becomes of it is in todo.checks
			delete(l.todo.late, k)
		case c.outputDue(l.opts.OutputInterval):
			delete(l.todo.late, k)
			l.todo.checks[k] = key(c.ServiceID)
		}
	}
	if !l.settled && now.Sub(l.started) >= startGrace {
		l.settled, l.todo.all = true, true
	}
	if len(l.todo.refused) > 0 {
		l.todo.all = true
	}
}
