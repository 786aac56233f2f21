package lease

import (
	"fmt"
	"time"
)

// Assigned is the current epoch of a group as the leader's state has it.
type Assigned struct {
	Node  string
	Epoch uint64
}

// Granter is the leader's side of the protocol, for one leadership. Its times are those of the leader's monotonic clock. Whoever calls
// Grant has had a majority's confirmation after the claim arrived.
type Granter struct {
	ttl       time.Duration
	notBefore time.Time
	groups    map[string]*granted
}

// granted is what this leader has granted of a group.
type granted struct {
	node     string
	epoch    uint64    // of the newest lease, 0 for none
	end      time.Time // when it can have ended at the latest
	released uint64    // the highest epoch that was given back
}

// NewGranter makes the granter of a leader; before notBefore, leases of older leaders may live.
func NewGranter(ttl time.Duration, notBefore time.Time) *Granter {
	return &Granter{ttl: ttl, notBefore: notBefore, groups: map[string]*granted{}}
}

// NotBefore is when the leases of older leaders have ended.
func (g *Granter) NotBefore() time.Time { return g.notBefore }

func (g *Granter) group(name string) *granted {
	x := g.groups[name]
	if x == nil {
		x = &granted{}
		g.groups[name] = x
	}
	return x
}

// Grant grants or renews a lease from now on, or says in a sentence why not. live says that the claimant's lease lived when it asked.
func (g *Granter) Grant(now time.Time, node string, c Claim, live bool, a Assigned) (refusal string) {
	x := g.group(c.Group)
	if why := g.refuse(x, now, node, c, live, a); why != "" {
		return why
	}
	x.node, x.epoch = node, c.Epoch
	x.end = now.Add(g.ttl + Margin(g.ttl))
	return ""
}

func (g *Granter) refuse(x *granted, now time.Time, node string, c Claim, live bool, a Assigned) string {
	switch {
	case a.Node != node || a.Epoch != c.Epoch:
		return fmt.Sprintf("epoch %d is over or was never its own: the group is assigned to %q in epoch %d", c.Epoch, a.Node, a.Epoch)
	case c.Epoch <= x.released:
		return fmt.Sprintf("epoch %d was given back", c.Epoch)
	case c.Epoch < x.epoch:
		return fmt.Sprintf("epoch %d is over: epoch %d was granted to %s", c.Epoch, x.epoch, x.node)
	case c.Epoch == x.epoch:
		return "" // the same machine and the same epoch: the same lease
	case x.epoch != 0 && now.Before(x.end):
		return fmt.Sprintf("the lease of %s, epoch %d, may live for %s more", x.node, x.epoch, x.end.Sub(now))
	case now.Before(g.notBefore) && (!live || x.epoch != 0):
		return fmt.Sprintf("a lease of an older leader may live for %s more", g.notBefore.Sub(now))
	}
	return ""
}

// Release notes that a machine gave an epoch back. It reports whether that is news.
func (g *Granter) Release(node string, c Claim) bool {
	x := g.group(c.Group)
	if c.Epoch <= x.released {
		return false
	}
	if x.epoch != 0 && (c.Epoch > x.epoch || c.Epoch == x.epoch && x.node != node) {
		return false // not its own to give
	}
	x.released = c.Epoch
	if c.Epoch == x.epoch {
		x.end = time.Time{}
	}
	return true
}

// Vacant reports whether the claim of an assigned epoch would be granted now and has not been.
func (g *Granter) Vacant(now time.Time, c Claim) bool {
	x := g.group(c.Group)
	return c.Epoch > x.epoch && c.Epoch > x.released && !now.Before(x.end) && !now.Before(g.notBefore)
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
		if left := x.end.Sub(now); left > longest && x.epoch != epoch(name) {
			longest = left
		}
	}
	return longest
}
