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

// Granter is the leader's side of the protocol, for one leadership. Its state has everything that older leaders committed before it is
// made. Its times are readings of one clock, Now in production.
type Granter struct {
	term      uint64
	ttl       time.Duration
	margin    time.Duration
	notBefore time.Time
	groups    map[string]*granted
	machines  map[string]*machine
}

// granted is what this leader knows of the leases on a group. It has a node once this leader granted one, or learned that an older leader's
// lives; then it knows all of them.
type granted struct {
	node     string    // of the newest lease, "" for none known
	epoch    uint64    // of the newest lease
	end      time.Time // when it can have ended at the latest
	over     time.Time // the same for leases of the same machine in epochs before
	released uint64    // the highest epoch that was given back
}

// NewTermGranter makes the granter of the leader of a term; before notBefore, leases of older leaders may live.
func NewTermGranter(term uint64, ttl time.Duration, notBefore time.Time) *Granter {
	return &Granter{term: term, ttl: ttl, margin: Margin(ttl), notBefore: notBefore, groups: map[string]*granted{}, machines: map[string]*machine{}}
}

// NotBefore is when the leases of older leaders have ended.
func (g *Granter) NotBefore() time.Time { return g.notBefore }

// Pending is a renewal on which the Granter has decided, and which waits for a majority's word.
type Pending struct {
	Answer Answer  // all that can be said without that word
	Claims []Claim // what would be granted
	Freed  bool    // something was given back: other claims may be granted now
	node   string
}

// Renew takes a renewal that has just arrived. Where it leaves claims, a majority is to be asked from now on, and with its word Confirmed
// makes the answer; without it, Answer is all there is to say. It returns nil for a renewal that another of this machine has overtaken.
//
// A renewal for another term is only answered with this one. What it says of leases may have been said before this leader was elected.
func (g *Granter) Renew(now time.Time, r *Renewal, assigned func(group string) Assigned) *Pending {
	if !g.inOrder(r) {
		return nil
	}
	p := &Pending{Answer: Answer{Term: g.term, TTL: g.ttl}, node: r.Node}
	if r.Term != g.term {
		return p
	}
	p.Answer.Seq, p.Answer.Acknowledged = r.Seq, r.Released
	for _, c := range r.Released {
		p.Freed = g.release(now, r.Node, c) || p.Freed
	}
	for _, c := range r.Live {
		g.learn(now, r.Node, c, assigned(c.Group))
	}
	for _, c := range r.Claims {
		if why := g.refuse(now, r.Node, c, assigned(c.Group)); why != "" {
			p.Answer.Refused = append(p.Answer.Refused, Refusal{Claim: c, Why: why})
			continue
		}
		g.group(c.Group).extend(r.Node, c.Epoch, now, now.Add(g.ttl+g.margin))
		p.Claims = append(p.Claims, c)
	}
	return p
}

// Confirmed is the answer once a majority has given its word, asked after Renew. What was given back meanwhile is not granted.
func (g *Granter) Confirmed(p *Pending) Answer {
	a := p.Answer
	for _, c := range p.Claims {
		if x := g.group(c.Group); x.node == p.node && x.epoch == c.Epoch && x.released < c.Epoch {
			a.Granted = append(a.Granted, c)
		} else {
			a.Refused = append(a.Refused, Refusal{Claim: c, Why: fmt.Sprintf("epoch %d was given back while a majority was asked", c.Epoch)})
		}
	}
	return a
}

func (g *Granter) group(name string) *granted {
	x := g.groups[name]
	if x == nil {
		x = &granted{}
		g.groups[name] = x
	}
	return x
}

// learn takes a machine's word that its lease on a group lives. While nothing is known of the group and leases of older leaders may live,
// that one is the only one.
func (g *Granter) learn(now time.Time, node string, c Claim, a Assigned) {
	if x := g.group(c.Group); x.node == "" && now.Before(g.notBefore) {
		x.extend(node, min(c.Epoch, a.Epoch), now, now.Add(g.ttl+g.margin))
	}
}

// extend notes that a machine's lease in an epoch may live until end.
func (x *granted) extend(node string, epoch uint64, now, end time.Time) {
	if x.epoch != epoch && x.end.After(now) {
		x.over = later(x.over, x.end)
	}
	x.node, x.epoch, x.end = node, epoch, later(end, x.end)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// refuse says in a sentence why a claim cannot be granted, or "".
func (g *Granter) refuse(now time.Time, node string, c Claim, a Assigned) string {
	x := g.group(c.Group)
	switch {
	case a.Node != node || a.Epoch != c.Epoch:
		return fmt.Sprintf("epoch %d is over or was never its own: the group is assigned to %q in epoch %d", c.Epoch, a.Node, a.Epoch)
	case c.Epoch <= x.released:
		return fmt.Sprintf("epoch %d was given back", c.Epoch)
	case c.Epoch < x.epoch:
		return fmt.Sprintf("epoch %d is over: epoch %d was granted to %s", c.Epoch, x.epoch, x.node)
	case x.node == node:
		return "" // whatever lives is its own
	case x.end.After(now):
		return fmt.Sprintf("the lease of %s, epoch %d, may live for %s more", x.node, x.epoch, x.end.Sub(now))
	case x.node == "" && now.Before(g.notBefore):
		return fmt.Sprintf("a lease of an older leader may live for %s more", g.notBefore.Sub(now))
	}
	return ""
}

// release notes that a machine gave back a group in an epoch and all before. It reports whether that made the group free.
func (g *Granter) release(now time.Time, node string, c Claim) bool {
	x := g.group(c.Group)
	if c.Epoch <= x.released || x.node != "" && (x.node != node || c.Epoch < x.epoch) {
		return false // known, or not about what it holds
	}
	x.released = c.Epoch
	if x.node == "" {
		return false // a lease of another machine may live, for all this leader knows
	}
	x.end, x.over = now, now
	return true
}
