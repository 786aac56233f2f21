package lease

import "time"

// free reports whether no machine's lease on the group can live, as far as this leader knows.
func (g *Granter) free(x *granted, now time.Time) bool {
	return !x.end.After(now) && (x.node != "" || !now.Before(g.notBefore))
}

// Vacant reports whether the claim of an assigned epoch would be granted now and has not been.
func (g *Granter) Vacant(now time.Time, c Claim) bool {
	x := g.group(c.Group)
	return c.Epoch > x.epoch && c.Epoch > x.released && g.free(x, now)
}

// NextEnd is how long it is until a lease that lives now can have ended, or those of older leaders have; at most a minute.
func (g *Granter) NextEnd(now time.Time) time.Duration {
	next := time.Minute
	if left := g.notBefore.Sub(now); left > 0 {
		next = min(next, left)
	}
	for _, x := range g.groups {
		if left := x.end.Sub(now); left > 0 {
			next = min(next, left)
		}
	}
	return next
}

// Draining is how long leases of epochs that are over may still live, those of older leaders included. epoch is the current epoch of a
// group, 0 for a group that is gone.
func (g *Granter) Draining(now time.Time, epoch func(group string) uint64) time.Duration {
	longest := max(0, g.notBefore.Sub(now))
	for name, x := range g.groups {
		longest = max(longest, x.over.Sub(now))
		if x.epoch != epoch(name) {
			longest = max(longest, x.end.Sub(now))
		}
	}
	return longest
}
