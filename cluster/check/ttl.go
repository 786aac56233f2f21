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
	limit   int
	updated chan struct{} // holds one: the deadline has moved
	report  func(Result)

	mu       sync.Mutex // guards following, and the order of reports
	deadline time.Time  // zero before Run or the first update
	expired  bool       // and reported as such
	last     Result
}

// NewTTL makes the runner of a definition with a TTL. report is called from Update and from Run, one call at a time.
func NewTTL(d cluster.CheckDefinition, report func(Result)) *TTL {
	return &TTL{ttl: d.TTL, limit: outputLimit(d), updated: make(chan struct{}, 1), report: report}
}

// Update takes a result from outside, at once. The check then holds for its TTL again.
func (t *TTL) Update(r Result) {
	r.Output = cut(r.Output, t.limit)
	t.mu.Lock()
	t.last, t.deadline, t.expired = r, time.Now().Add(t.ttl), false
	t.report(r)
	t.mu.Unlock()
	select {
	case t.updated <- struct{}{}:
	default:
	}
}

// Run reports critical whenever the TTL runs out.
func (t *TTL) Run(ctx context.Context) {
	t.mu.Lock()
	if t.deadline.IsZero() {
		t.deadline = time.Now().Add(t.ttl)
	}
	t.mu.Unlock()
	timer := time.NewTimer(t.ttl)
	defer timer.Stop()
	for {
		if left := t.look(); left > 0 {
			timer.Reset(left)
		} else {
			timer.Stop() // an update starts it again
		}
		select {
		case <-ctx.Done():
			return
		case <-t.updated:
		case <-timer.C:
		}
	}
}

// look reports critical, once, when the deadline has passed, and answers how long it is until then.
func (t *TTL) look() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := time.Until(t.deadline)
	if left > 0 || t.expired {
		return left
	}
	t.expired = true
	output := "TTL expired"
	if t.last.Output != "" {
		output += " (last output before timeout follows): " + t.last.Output
	}
	t.report(Result{cluster.Critical, output})
	return left
}
