package check

import (
	"context"
	"math/rand/v2"
	"time"

	"holdfast/cluster"
)

// poller runs a probe again and again.
type poller struct {
	probe    probe
	interval time.Duration
	timeout  time.Duration
	after    time.Duration // that the first run waits, beside the random part
	take     func(Result) bool
}

func newPoller(d cluster.CheckDefinition, p probe, timeout time.Duration, take func(Result) bool) *poller {
	if d.Timeout > 0 {
		timeout = d.Timeout
	}
	return &poller{probe: p, interval: d.Interval, timeout: timeout, take: take}
}

// maxStagger bounds how long the first run waits, so that the checks of one agent do not all run in the same instant.
const maxStagger = 100 * time.Millisecond

// Run probes at once, but for after and a random part of the interval, and then every interval, counted from start to start. A probe that takes
// longer than the interval puts the next one off.
func (p *poller) Run(ctx context.Context) {
	next := time.NewTimer(p.after + rand.N(min(p.interval, maxStagger)))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		started := time.Now()
		run, cancel := context.WithTimeout(ctx, p.timeout)
		r := p.probe.probe(run)
		cancel()
		if ctx.Err() != nil {
			return // the result may be that of a run cut short
		}
		p.take(r)
		next.Reset(max(0, p.interval-time.Since(started)))
	}
}
