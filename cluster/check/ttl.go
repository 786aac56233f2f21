package check

import (
	"context"
	"sync"
	"time"

	"holdfast/cluster"
)

// TTL is a check that somebody must renew: when it is not updated for its TTL it is critical.
type TTL struct {
	ttl     time.Duration
	updates chan struct{} // holds one
	limit   int

	mu     sync.Mutex // guards report's order and the following
	report func(Result)
	last   Result
}

// NewTTL makes the runner of a definition with a TTL. report is called from Update and from Run, one call at a time.
func NewTTL(d cluster.CheckDefinition, report func(Result)) *TTL {
	return &TTL{ttl: d.TTL, updates: make(chan struct{}, 1), report: report, limit: outputLimit(d)}
}

// Update takes a result from outside, at once.
func (t *TTL) Update(r Result) {
	if len(r.Output) > t.limit {
		r.Output = r.Output[:t.limit]
	}
	r.Output = valid(r.Output)
	t.mu.Lock()
	t.last = r
	t.report(r)
	t.mu.Unlock()
	select {
	case t.updates <- struct{}{}:
	default:
	}
}

// Run reports critical whenever the TTL runs out.
func (t *TTL) Run(ctx context.Context) {
	timer := time.NewTimer(t.ttl)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.updates:
			timer.Reset(t.ttl)
		case <-timer.C:
			t.expire()
		}
	}
}

func (t *TTL) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case t.updates <- struct{}{}: // no update came in between
		<-t.updates
	default:
		return // one did: Run sees it next
	}
	output := "TTL expired"
	if t.last.Output != "" {
		output += " (last output before timeout follows): " + t.last.Output
	}
	t.report(Result{cluster.Critical, output})
}
