package failover

import (
	"context"

	"holdfast/cluster"
	"holdfast/cluster/pause"
	"holdfast/failover/fence"
	"holdfast/failover/lease"
)

// holds reports whether a group goes on without a leader where every voter lets it.
func (c *Controller) holds(g *carrier, now fence.Boottime) bool {
	x := c.groups[g.group]
	return x != nil && x.OnQuorumLoss == cluster.QuorumLossHold && g.serving(now) && g.releasing == ""
}

// holdOn asks every voter, once a lease has not been renewed for a while, whether this machine may go on with the groups that are to be held.
func (c *Controller) holdOn(ctx context.Context) {
	now := c.opts.Now()
	late := false
	for _, g := range c.carried {
		late = late || c.holds(g, now) && g.deadline.Sub(now) < c.opts.TTL*3/5
	}
	if !late || c.asking || c.stopping != "" {
		return
	}
	c.asking = true
	c.background.Go(func() {
		call, cancel := context.WithTimeout(ctx, c.opts.TTL/4)
		defer cancel()
		asked := c.opts.Now() // the lease counts from before anyone has promised anything
		err := c.channel.Hold(call)
		c.tell(ctx, func() { c.mayHold(asked, err) })
		pause.For(ctx, c.opts.TTL/20) // who follows a leader still says so at once, however often it is asked
		c.tell(ctx, func() { c.asking = false })
	})
}

// mayHold goes on with the leases that live still.
func (c *Controller) mayHold(asked fence.Boottime, err error) {
	if err != nil {
		c.log.Debug("not every voter lets this machine go on without a leader", "error", err)
		return
	}
	deadline := asked + fence.Boottime(c.opts.TTL)
	for _, g := range c.carried {
		now := c.opts.Now()
		if !c.holds(g, now) || !c.holder.Extend(lease.Claim{Group: g.group, Epoch: g.epoch}, int64(now), int64(deadline)) {
			continue
		}
		if err := c.machine.open(g.places, deadline); err != nil {
			c.log.Error("cannot hold the fence open", "group", g.group, "error", err)
			continue
		}
		g.deadline = max(g.deadline, deadline)
		if !g.holding {
			g.holding = true
			c.recorder.add(cluster.Transition{
				Kind: cluster.TransitionHold, Group: g.group, Epoch: g.epoch,
				Why: c.agent.Name() + " goes on without a leader: every voter has answered that it follows none and that nobody else will be given the group meanwhile",
			})
		}
	}
}

// led notes that a leader renews a group again.
func (c *Controller) led(g *carrier) {
	if !g.holding {
		return
	}
	g.holding = false
	c.recorder.add(cluster.Transition{Kind: cluster.TransitionHold, Group: g.group, Epoch: g.epoch, Why: "a leader renews the lease of " + c.agent.Name() + " again"})
}
