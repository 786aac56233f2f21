package failover

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

// recorder brings transitions into the replicated timeline, in order and off the path of whoever reports them. While there is no leader
// it keeps the newest cluster.TimelineSize of them.
type recorder struct {
	agent   Agent
	metrics *Metrics
	log     *slog.Logger
	wake    chan struct{} // holds one

	mu      sync.Mutex // guards following
	pending []cluster.Transition
}

func newRecorder(agent Agent, metrics *Metrics, log *slog.Logger) *recorder {
	return &recorder{agent: agent, metrics: metrics, log: log, wake: make(chan struct{}, 1)}
}

// add stamps and takes one transition. It never waits.
func (r *recorder) add(t cluster.Transition) {
	if t.Time.IsZero() {
		t.Time = time.Now()
	}
	if t.Node == "" {
		t.Node = r.agent.Name()
	}
	r.log.Info("transition", "kind", string(t.Kind), "group", t.Group, "epoch", t.Epoch, "why", t.Why)
	r.metrics.recorded(&t)
	r.mu.Lock()
	r.pending = append(r.pending, t)
	if over := len(r.pending) - cluster.TimelineSize; over > 0 {
		r.pending = r.pending[over:]
	}
	r.mu.Unlock()
	r.wakeUp()
}

// run writes what is pending until ctx ends; what is then left is tried once more.
func (r *recorder) run(ctx context.Context) {
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			r.flush(last)
			cancel()
			return
		}
		if !r.flush(ctx) {
			pause.For(ctx, time.Second)
			r.wakeUp()
		}
	}
}

func (r *recorder) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// mostRecorded is how many transitions are written at once: an entry of the log has a limit, and each of them may bring the output of a hook.
const mostRecorded = 64

// flush writes everything pending. What may not have been written is kept: an entry twice is better than none.
func (r *recorder) flush(ctx context.Context) bool {
	for {
		r.mu.Lock()
		n := min(len(r.pending), mostRecorded)
		batch := slices.Clone(r.pending[:n])
		r.pending = r.pending[n:]
		left := len(r.pending)
		r.mu.Unlock()
		if n == 0 {
			return true
		}
		if _, err := r.agent.Apply(ctx, cluster.WriteOptions{}, &cluster.Record{Transitions: batch}); err != nil {
			r.log.Warn("cannot write to the timeline, will try again", "entries", n+left, "error", err)
			r.mu.Lock()
			r.pending = append(batch, r.pending...)
			r.mu.Unlock()
			return false
		}
	}
}
