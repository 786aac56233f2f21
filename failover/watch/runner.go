package watch

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"holdfast/cluster"
)

// Runner runs an agent's watches.
type Runner struct {
	source Source
	log    *slog.Logger
	kick   chan struct{} // holds one: the list has changed
	loops  sync.WaitGroup

	mu     sync.Mutex // guards following
	wanted []cluster.Watch
	active []*watching // in the order of wanted, once the list has been taken
}

// NewRunner makes a runner without watches.
func NewRunner(source Source, log *slog.Logger) *Runner {
	return &Runner{source: source, log: log, kick: make(chan struct{}, 1)}
}

// Set says which watches there are to be. Those that are there and unchanged run on.
func (r *Runner) Set(ws []cluster.Watch) {
	r.mu.Lock()
	r.wanted = slices.Clone(ws)
	r.mu.Unlock()
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Run runs the watches until the context ends and their handlers have.
func (r *Runner) Run(ctx context.Context) {
	defer r.loops.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
			r.agree(ctx)
		}
	}
}

// agree ends the watches that are not wanted any more and begins the new ones. What a handler of a former watch has begun it may end.
func (r *Runner) agree(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	former := r.active
	r.active = nil
	for i := range r.wanted {
		w := &r.wanted[i]
		same := slices.IndexFunc(former, func(f *watching) bool { return f.watch.Equal(w) })
		if same >= 0 {
			r.active = append(r.active, former[same])
			former = slices.Delete(former, same, same+1)
			continue
		}
		loop, cancel := context.WithCancel(ctx)
		n := newWatching(*w, r.source, r.log, cancel)
		r.active = append(r.active, n)
		r.loops.Go(func() { n.run(loop, ctx) })
	}
	for _, f := range former {
		f.cancel()
	}
}

// Watches says how the watches fare, in the order of the config.
func (r *Runner) Watches() []cluster.WatchStatus {
	r.mu.Lock()
	active := slices.Clone(r.active)
	r.mu.Unlock()
	out := make([]cluster.WatchStatus, 0, len(active))
	for _, a := range active {
		out = append(out, a.report())
	}
	return out
}
