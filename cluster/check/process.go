package check

import (
	"context"
	"log/slog"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

// process watches one process by event: found it is passing, gone it is critical in the same instant. While it is not there it is
// looked for again and again.
type process struct {
	place    place
	interval time.Duration
	timeout  time.Duration
	log      *slog.Logger
	take     func(Result) bool
}

// lookInterval is the pause between two looks for a process that is not there, where the definition gives no interval.
const lookInterval = 100 * time.Millisecond

// lookCost is how much longer the pause is at least than the look before it: looking through /proc must not cost more than a part of a core.
const lookCost = 30

func newProcess(d cluster.CheckDefinition, log *slog.Logger, take func(Result) bool) *process {
	p := &process{place: newPlace(d.Process), interval: d.Interval, timeout: d.Timeout, log: log, take: take}
	if p.interval <= 0 {
		p.interval = lookInterval
	}
	if p.timeout <= 0 {
		p.timeout = defaultTimeout
	}
	return p
}

// Run finds the process, waits for its end, and so on until the context ends.
func (p *process) Run(ctx context.Context) {
	for ctx.Err() == nil {
		started := time.Now()
		w, what, err := p.find(ctx)
		took := time.Since(started)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			p.take(Result{cluster.Critical, err.Error()})
		default:
			p.log.Debug("watching a process", "process", what)
			p.guard(ctx, w, what)
		}
		if w != nil {
			w.close()
		}
		pause.For(ctx, max(p.interval, lookCost*took))
	}
}

// guard reports the process as passing, and its end.
func (p *process) guard(ctx context.Context, w *watch, what string) {
	running := Result{cluster.Passing, what + " is running"}
	ended, err := false, error(nil)
	for settled := p.take(running); !settled && !ended && err == nil && ctx.Err() == nil; { // it has to pass several times first
		some, cancel := context.WithTimeout(ctx, p.interval)
		if ended, err = w.wait(some); !ended && err == nil && ctx.Err() == nil {
			settled = p.take(running)
		}
		cancel()
	}
	if !ended && err == nil {
		ended, err = w.wait(ctx)
	}
	switch {
	case err != nil:
		p.log.Warn("cannot wait for the end of a process, will try again", "process", what, "error", err)
	case ended:
		p.place.ended(w.pid)
		p.take(Result{cluster.Critical, what + " has ended"})
	}
}

// find answers a watch on the process and words for it, or an error that says in a sentence why there is none.
func (p *process) find(ctx context.Context) (w *watch, what string, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	pid, what, err := p.place.find(ctx)
	if err != nil {
		return nil, "", err
	}
	if w, err = watchPID(pid); err != nil {
		return nil, "", &goneError{what, "is not running", err}
	}
	// The number may have gone to another process between the two: what was meant must still be what is watched.
	again, _, err := p.place.find(ctx)
	if err != nil || again != pid || w.ended() {
		w.close()
		return nil, "", &goneError{what, "has ended", err}
	}
	return w, what, nil
}

// goneError says that a process which was named is not there.
type goneError struct {
	what, how string
	err       error
}

func (e *goneError) Error() string {
	if e.err == nil {
		return e.what + " " + e.how
	}
	return e.what + " " + e.how + ": " + e.err.Error()
}

func (e *goneError) Unwrap() error { return e.err }
