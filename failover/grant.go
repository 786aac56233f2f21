package failover

import (
	"context"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/lease"
)

// renewed takes a renewal: what is given back is free at once; what is claimed is granted after a majority has confirmed this leader.
func (a *Assigner) renewed(ctx context.Context, out *outbox, r *lease.Renewal) {
	now := time.Now()
	a.mu.Lock()
	c := a.channels[r.Node]
	if c == nil {
		c = &channel{node: r.Node}
		a.channels[r.Node] = c
	}
	fresh := c.out != out
	changed := c.last.IsZero() || now.Sub(c.last) > a.opts.TTL || c.differs(r)
	c.last, c.renewal, c.out = now, *r, out
	freed := false
	for _, x := range r.Released {
		freed = a.granter.Release(r.Node, x) || freed
	}
	a.mu.Unlock()
	if changed {
		a.changed()
	}
	if freed {
		a.push()
	}
	if len(r.Claims) == 0 {
		a.reply(out, r, nil, fresh)
		return
	}
	go func() {
		if err := a.quorum.ConfirmLease(ctx); err != nil {
			a.log.Debug("no majority confirmed this leader: nothing is granted", "node", r.Node, "error", err)
			return // silence: the holder's lease runs out, as it must
		}
		a.reply(out, r, r.Claims, fresh)
	}()
}

// differs reports whether a renewal says something new that the plan depends on.
func (c *channel) differs(r *lease.Renewal) bool {
	return c.presence(&cluster.Presence{Live: true, Unable: r.Unable, HardwareAddrs: r.HardwareAddrs, Networks: r.Networks}, c.last, time.Hour) != nil || c.renewal.Stopping != r.Stopping
}

// reply answers a renewal; claims are those that a majority has just confirmed.
func (a *Assigner) reply(out *outbox, r *lease.Renewal, claims []lease.Claim, all bool) {
	v := a.agent.WatchView()
	ans := lease.Answer{Seq: r.Seq, Term: a.term, TTL: a.opts.TTL, Acknowledged: r.Released}
	a.mu.Lock()
	now := time.Now()
	for _, x := range claims {
		if why := a.granter.Grant(now, r.Node, x, slices.Contains(r.Live, x), assigned(v, x.Group)); why != "" {
			ans.Refused = append(ans.Refused, lease.Refusal{Claim: x, Why: why})
		} else {
			ans.Granted = append(ans.Granted, x)
		}
	}
	a.mu.Unlock()
	if all || len(ans.Refused) > 0 {
		ans.Assignments = allAssignments(v)
	}
	a.send(out, &ans)
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

func (a *Assigner) send(out *outbox, ans *lease.Answer) {
	msg, err := lease.EncodeAnswer(ans)
	if err != nil {
		a.log.Error("cannot encode a lease answer", "error", err)
		return
	}
	out.send(msg)
}

// pushLoop tells every machine of new assignments in the moment they are committed, and of leases that have ended.
func (a *Assigner) pushLoop(ctx context.Context) {
	for ctx.Err() == nil {
		v := a.agent.WatchView()
		v.Assignments()
		a.push()
		a.mu.Lock()
		next := a.granter.NextEnd(time.Now())
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
	now := time.Now()
	for _, x := range ans.Assignments {
		if x.Node != "" && a.granter.Vacant(now, lease.Claim{Group: x.Group, Epoch: x.Epoch}) {
			ans.Vacant = append(ans.Vacant, lease.Claim{Group: x.Group, Epoch: x.Epoch})
		}
	}
	for _, c := range a.channels {
		if c.out != nil {
			a.send(c.out, &ans)
		}
	}
}
