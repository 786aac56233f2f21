package assigner

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/lease"
	"holdfast/failover/outbox"
)

// renewed takes a renewal. What is to be granted is decided here, as it arrives, and said after a majority has confirmed this leader.
// One that says nothing new is answered every second time at rest: both sides need not wake up for each, and the channel counts as dead
// when it is silent for a TTL.
func (a *Assigner) renewed(ctx context.Context, out *outbox.Outbox, r *lease.Renewal) {
	now := time.Now()
	a.mu.Lock()
	v := a.agent.WatchView() // under the lock: what hold has seen drained must be what is decided by
	p := a.granter.Renew(a.opts.Now(), r, func(group string) lease.Assigned { return assigned(v, group) })
	if p == nil {
		a.mu.Unlock()
		return // a later one has overtaken it
	}
	c := a.machines[r.Node]
	if c == nil {
		c = &machine{node: r.Node}
		a.machines[r.Node] = c
	}
	fresh := c.out != out
	changed := c.last.IsZero() || now.Sub(c.last) > a.opts.TTL || c.differs(r)
	c.last, c.renewal, c.out = now, *r, out
	if fresh || len(p.Answer.Refused) > 0 {
		p.Answer.Assignments = allAssignments(v)
	}
	answer := r.Term != a.term || len(p.Claims) > 0 || p.Answer.News() || now.Sub(c.answered) >= a.opts.TTL/3
	if answer {
		c.answered = now
	}
	a.mu.Unlock()
	if changed {
		a.changed()
	}
	if p.Freed {
		a.push()
		a.changed() // an address may be free that a group waits for
	}
	switch {
	case len(p.Claims) > 0:
		go a.confirm(ctx, out, r.Node, p)
	case answer:
		a.send(out, &p.Answer)
	}
}

// confirm asks a majority, and grants with its word.
func (a *Assigner) confirm(ctx context.Context, out *outbox.Outbox, node string, p *lease.Pending) {
	if err := a.quorum.ConfirmLease(ctx); err != nil {
		a.log.Debug("no majority confirmed this leader: nothing is granted", "node", node, "error", err)
		return // silence: the holder's lease runs out, as it must
	}
	if ctx.Err() != nil {
		return // the word may be for a later term of this member
	}
	a.mu.Lock()
	ans := a.granter.Confirmed(p)
	a.mu.Unlock()
	a.send(out, &ans)
}

// differs reports whether a renewal says something new that the plan depends on.
func (c *machine) differs(r *lease.Renewal) bool {
	return c.presence(&cluster.Presence{Live: true, Unable: r.Unable, HardwareAddrs: r.HardwareAddrs, Networks: r.Networks}, c.last, time.Hour) != nil || c.renewal.Stopping != r.Stopping
}

// assigned is the current epoch of a group as the state has it.
func assigned(v *state.View, group string) lease.Assigned {
	x := v.Assignment(group)
	if x == nil {
		return lease.Assigned{}
	}
	return lease.Assigned{Node: x.Node, Epoch: x.Epoch}
}

func allAssignments(v *state.View) []cluster.Assignment {
	var out []cluster.Assignment
	for _, x := range v.Assignments() {
		out = append(out, *x)
	}
	return out
}

func (a *Assigner) send(out *outbox.Outbox, ans *lease.Answer) {
	msg, err := lease.EncodeAnswer(ans)
	if err != nil {
		a.log.Error("cannot encode a lease answer", "error", err)
		return
	}
	out.Send(msg)
}

// pushLoop tells every machine of new assignments in the moment they are committed, and of leases that have ended.
func (a *Assigner) pushLoop(ctx context.Context) {
	for ctx.Err() == nil {
		v := a.agent.WatchView()
		v.Assignments()
		a.push()
		a.mu.Lock()
		next := a.granter.NextEnd(a.opts.Now())
		a.mu.Unlock()
		wait, cancel := context.WithTimeout(ctx, next)
		_ = v.Wait(wait) // changed, or a lease has ended
		cancel()
	}
}

// push sends the assignments and what is vacant to every machine.
func (a *Assigner) push() {
	v := a.agent.WatchView()
	ans := lease.Answer{Term: a.term, TTL: a.opts.TTL, Assignments: allAssignments(v)}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.opts.Now()
	for _, x := range ans.Assignments {
		if x.Node != "" && a.granter.Vacant(now, lease.Claim{Group: x.Group, Epoch: x.Epoch}) {
			ans.Vacant = append(ans.Vacant, lease.Claim{Group: x.Group, Epoch: x.Epoch})
		}
	}
	for _, c := range a.machines {
		if c.out != nil {
			a.send(c.out, &ans)
		}
	}
}
