package watch

import (
	"context"
	"log/slog"
	"slices"

	"holdfast/cluster"
	"holdfast/failover/roster"
)

// Runner runs an agent's watches.
type Runner struct {
	source Source
	log    *slog.Logger
	roster *roster.Roster[*watching]
	agent  context.Context // Run's
}

// NewRunner makes a runner without watches.
func NewRunner(source Source, log *slog.Logger) *Runner {
	r := &Runner{source: source, log: log}
	// What a handler of a former watch has begun it may end; nobody waits for it.
	r.roster = roster.New(func(ctx context.Context, w *watching, _ <-chan struct{}) { w.run(ctx, r.agent) })
	return r
}

// Set says which watches there are to be. Those that are there and unchanged run on.
func (r *Runner) Set(ws []cluster.Watch) {
	r.roster.Set(func(now []*watching) []*watching {
		var wanted []*watching
		for i := range ws {
			same := slices.IndexFunc(now, func(n *watching) bool { return n.watch.Equal(&ws[i]) })
			if same < 0 {
				wanted = append(wanted, newWatching(ws[i], r.source, r.log))
				continue
			}
			wanted = append(wanted, now[same])
			now = slices.Delete(now, same, same+1)
		}
		return wanted
	})
}

// Run runs the watches until the context ends and their handlers have.
func (r *Runner) Run(ctx context.Context) {
	r.agent = ctx
	r.roster.Run(ctx)
}

// Watches says how the watches fare, in the order of the config.
func (r *Runner) Watches() []cluster.WatchStatus {
	out := []cluster.WatchStatus{}
	for _, w := range r.roster.List() {
		out = append(out, w.report())
	}
	return out
}
