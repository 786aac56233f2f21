package lease

import (
	"time"
)

// What follows is for an assigner that decides after the majority was asked and a controller that counts its renewals itself. It is weaker
// than Renew and Confirmed: it rests on messages arriving in order over one connection, and on no leader being stopped between the
// majority's word and its decision.

// NewGranter makes a granter for Grant and Release.
func NewGranter(ttl time.Duration, notBefore time.Time) *Granter {
	return NewTermGranter(0, ttl, notBefore)
}

// Grant grants or renews a lease from now on, or says in a sentence why not. live says that the claimant's lease lived when it asked.
func (g *Granter) Grant(now time.Time, node string, c Claim, live bool, a Assigned) (refusal string) {
	if live && a.Node == node && a.Epoch == c.Epoch {
		g.learn(now, node, c, a)
	}
	why := g.refuse(now, node, c, a)
	if why == "" {
		g.group(c.Group).extend(node, c.Epoch, now, now.Add(g.ttl+g.margin))
	}
	return why
}

// Release notes that a machine gave an epoch back. It reports whether that is news.
func (g *Granter) Release(node string, c Claim) bool { return g.release(time.Time{}, node, c) }

// Sent notes that a renewal with everything Claims said is about to be sent: the lease counts from here.
func (h *Holder) Sent(seq uint64, now int64) {
	h.seq = seq
	h.noteSent(seq, now)
}
