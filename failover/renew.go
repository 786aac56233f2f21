package failover

import (
	"context"
	"time"

	"holdfast/failover/fence"
	"holdfast/failover/lease"
	"holdfast/failover/outbox"
	"holdfast/failover/vip"
)

// reconnectPause is the pause between two attempts to reach a leader, unless another leads before.
const reconnectPause = 20 * time.Millisecond

// renew sends one message with everything this machine holds, claims and has given back. The lease counts from here: from before the
// message is sent.
func (c *Controller) renew() {
	c.renewed = time.Now()
	if c.out == nil {
		return
	}
	r := lease.Renewal{
		Node: c.agent.Name(), Stopping: c.stopping != "", StoppingWhy: c.stopping, Unable: c.unable, HardwareAddrs: c.hardware, Networks: c.networks,
	}
	c.holder.Renew(int64(c.opts.Now()), &r)
	msg, err := lease.EncodeRenewal(&r)
	if err != nil {
		c.log.Error("cannot encode a lease renewal", "error", err)
		return
	}
	c.opts.Metrics.renewed()
	c.out.Send(msg)
}

// followLeader keeps a lease channel to whoever leads.
func (c *Controller) followLeader(ctx context.Context) {
	for ctx.Err() == nil {
		changed := c.channel.LeaderChanged()
		if s, err := c.channel.OpenLease(ctx); err == nil && c.converse(ctx, s) {
			continue // it was a leader: the next one is looked for at once
		}
		t := time.NewTimer(reconnectPause)
		select {
		case <-changed:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// converse reads what the leader says until the stream breaks. It reports whether the other side said anything: a member that does not
// lead, or not yet, hangs up.
func (c *Controller) converse(ctx context.Context, s outbox.Stream) (heard bool) {
	out := outbox.New(s)
	c.background.Go(out.Run) // closing a stream to a frozen leader takes a while, and the next leader must not wait for it
	defer out.Close()
	stop := context.AfterFunc(ctx, out.Close) // the last words are sent, and then the stream is closed, which unblocks Recv
	defer stop()
	if !c.tell(ctx, func() { c.out = out; c.renew() }) {
		return false
	}
	defer c.tell(ctx, func() {
		if c.out == out {
			c.out = nil
		}
	})
	for {
		msg, err := s.Recv()
		if err != nil {
			c.log.Debug("the lease channel has ended", "error", err)
			return heard
		}
		a, err := lease.DecodeAnswer(msg)
		if err != nil {
			c.log.Error("the leader sent something that cannot be read; is it of another version?", "error", err)
			return false
		}
		heard = true
		if !c.tell(ctx, func() { c.answer(ctx, a) }) {
			return heard
		}
	}
}

// answer takes what the leader says: what it granted, and how the assignments stand.
func (c *Controller) answer(ctx context.Context, a *lease.Answer) {
	for _, x := range a.Assignments {
		c.learn(x)
	}
	c.informed = c.informed || len(a.Assignments) > 0 || a.Seq > 0
	c.compare(a.TTL)
	c.reconcile(ctx) // a new assignment counts before a grant of the old one
	c.opts.Metrics.answered(len(a.Granted), len(a.Refused))
	for _, granted := range c.holder.Granted(a) {
		if g := c.carried[granted.Group]; g != nil && g.epoch == granted.Epoch {
			c.serve(ctx, g, fence.Boottime(granted.Deadline))
		}
	}
	if c.holder.Again(int64(c.opts.Now()), a) {
		c.renew()
	}
}

// followMachine hears of changes of addresses and links behind the controller's back.
func (c *Controller) followMachine(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.machine.addrs.Watch(ctx, func(e vip.Event) { c.tell(ctx, func() { c.changed(e) }) })
		if ctx.Err() != nil {
			return
		}
		c.log.Warn("cannot watch the machine's addresses, will try again", "error", err)
		t := time.NewTimer(time.Second)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// Stop gives every group to another machine and waits until that is done, or StopTimeout has passed; then what is left is released.
func (c *Controller) Stop(ctx context.Context, why string) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.StopTimeout)
	defer cancel()
	empty := make(chan struct{})
	if !c.tell(ctx, func() {
		c.stopping, c.stopped = why, empty
		c.renew()
	}) {
		return // Run has ended
	}
	select {
	case <-empty:
		return
	case <-c.ended:
		return
	case <-ctx.Done():
	}
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancelLast()
	c.tell(last, func() {
		for _, g := range c.carried {
			c.release(context.WithoutCancel(ctx), g, "the daemon is stopping, and no other machine took it in time")
		}
	})
	select {
	case <-empty:
	case <-c.ended:
	case <-last.Done():
	}
}
