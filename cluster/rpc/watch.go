package rpc

import (
	"context"
	"fmt"
	"time"
)

// watch ends the connection of a peer that sends nothing while calls wait. Within a third of SilenceTimeout it is pinged, so that one that is
// merely slow to answer shows that it lives. It has the other two to answer, from when the ping could be written: it may be busy taking
// a large request.
func (c *clientConn) watch(over <-chan struct{}) {
	const ticks = 3
	tick := time.NewTicker(c.opts.SilenceTimeout / ticks)
	defer tick.Stop()
	var reads uint64
	var ping ticket
	silent := 0 // ticks without a word
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		switch now := c.r.reads.Load(); {
		case now != reads || !c.busy():
			reads, silent = now, 0
		case silent == 0:
			ping, _ = c.w.push(frame{kind: kindPing})
			silent++
		case c.w.unsent(ping): // StallTimeout watches over this
		case silent < ticks-1:
			silent++
		default:
			_ = c.w.fail(fmt.Errorf("%s is silent, and has not answered a ping for %s", c.addr, c.opts.SilenceTimeout*(ticks-1)/ticks))
		}
	}
}

// timeLeft is how long ctx lasts, or 0 if it has no deadline.
func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline), time.Nanosecond)
}
