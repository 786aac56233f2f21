package failover

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
	"holdfast/failover/fence"
	"holdfast/failover/lease"
	"holdfast/failover/vip"
)

// take begins to carry a group: its addresses go onto the machine behind the closed fence, a probe asks whether a stranger has them, and
// the claim goes to the leader. The lease will open the fence.
func (c *Controller) take(ctx context.Context, a cluster.Assignment) {
	if time.Now().Before(c.unfit[a.Group].until) || a.Epoch <= c.given[a.Group].epoch || len(a.VIPs) == 0 {
		return // without addresses there is nothing to carry: they were given to other groups, and its new ones are not free yet
	}
	g := &carrier{group: a.Group, epoch: a.Epoch, began: time.Now()}
	var err error
	if g.places, err = c.machine.resolve(a.VIPs); err != nil {
		c.assess() // says so to the leader, who will choose another
		return
	}
	// A replica reaches the primary at these very addresses: with them it would hear itself, and miss what the primary commits last.
	g.apart = c.opts.Roles[a.Group] != nil
	prepare := c.machine.prepare
	if g.apart {
		prepare = c.machine.manage
	}
	if err := prepare(g.places); err != nil {
		c.cannotPrepare(g, err)
		return
	}
	own, stop := context.WithCancel(ctx)
	g.stop = stop
	c.carried[a.Group] = g
	g.ready = len(c.runsOf(a.Group)) == 0 && c.opts.Roles[a.Group] == nil
	live := c.machine.left(g.places, c.opts.Now())
	c.holder.Take(lease.Claim{Group: a.Group, Epoch: a.Epoch}, int64(live))
	if live > 0 {
		g.apart = false // refresh puts back what is not there
		c.adopt(own, g)
		c.begin(ctx, g, live, c.agent.Name()+" carries on after a restart of the daemon, within its lease")
	} else {
		for _, p := range g.places {
			c.background.Go(func() { c.probe(own, g, p) })
		}
		c.effectsDue = true
	}
	c.renew()
}

// cannotPrepare gives up a group whose addresses cannot be put onto the machine.
func (c *Controller) cannotPrepare(g *carrier, err error) {
	c.log.Error("cannot prepare a group", "group", g.group, "error", err)
	_ = c.machine.remove(g.places) // what was added stays behind the closed fence, and is tried again with the rest
	c.unfitFor(g.group, err.Error())
}

// probe asks once whether a stranger answers for an address. Members do not count: one that serves still is fenced by its lease.
func (c *Controller) probe(ctx context.Context, g *carrier, p place) {
	mac, found, err := c.machine.addrs.Probe(ctx, p.iface, p.addr(), c.opts.ProbeWait)
	if err != nil && ctx.Err() == nil {
		c.log.Warn("cannot probe for another owner", "address", p.String(), "error", err)
	}
	if !found {
		return
	}
	c.tell(ctx, func() { c.stranger(ctx, g, p, mac.String()) })
}

// stranger notes that a machine which is no member answers for an address. This machine does not serve beside it.
func (c *Controller) stranger(ctx context.Context, g *carrier, p place, mac string) {
	if c.carried[g.group] != g || c.macs[mac] != "" {
		return
	}
	why := fmt.Sprintf("%s is in use by %s, which is no member of this cluster, as seen on %s", p.addr(), cmp.Or(mac, "an unnamed machine"), p.iface.Name)
	if c.onConflict(g.group) == cluster.ConflictDefend {
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionConflict, Group: g.group, Epoch: g.epoch, Why: why + "; the group defends it"})
		return
	}
	c.recorder.add(cluster.Transition{Kind: cluster.TransitionConflict, Group: g.group, Epoch: g.epoch, Why: why})
	c.unfitFor(g.group, why)
	c.release(ctx, g, why)
}

// maxUnfit bounds how long a machine does not try again.
const maxUnfit = 10 * time.Minute

// unfitFor keeps a reason against a group for a while: it is found out by trying, and trying again at once would send the group round. What
// comes again soon after is kept for twice as long.
func (c *Controller) unfitFor(group, why string) {
	x, now := c.unfit[group], time.Now()
	d := min(maxUnfit, 2*x.length)
	if x.length == 0 || now.Sub(x.until) > 2*x.length {
		d = c.opts.UnfitFor
	}
	c.unfit[group] = hindrance{why: fmt.Sprintf("%s; it tries again after %s", why, d), until: now.Add(d), length: d}
	c.assess()
}

// serve opens the fence up to the lease's deadline; the first time it tells the neighbours and runs the hooks.
func (c *Controller) serve(ctx context.Context, g *carrier, deadline fence.Boottime) {
	if deadline <= c.opts.Now() || g.releasing != "" {
		return // it came too late to open anything
	}
	if !g.ready {
		g.granted = max(g.granted, deadline)
		c.startRuns(ctx, g)
		return
	}
	if g.apart {
		if err := c.machine.put(g.places); err != nil {
			c.unfitFor(g.group, err.Error())
			c.release(ctx, g, err.Error())
			return
		}
		g.apart = false
	}
	if err := c.machine.open(g.places, deadline); err != nil {
		c.log.Error("cannot open the fence", "group", g.group, "error", err)
		return
	}
	if g.deadline > 0 {
		g.deadline = max(g.deadline, deadline)
		c.led(g)
		return
	}
	c.begin(ctx, g, deadline, c.agent.Name()+" has the lease, opened the fence and announced the addresses")
}

// begin does what is done once, when a group comes to be served here.
func (c *Controller) begin(ctx context.Context, g *carrier, deadline fence.Boottime, why string) {
	g.deadline = deadline
	own, stop := context.WithCancel(ctx)
	probing := g.stop
	g.stop = func() { probing(); stop() }
	c.applyEffects("") // before the neighbours send anything here
	took := time.Since(g.began)
	c.recorder.add(cluster.Transition{
		Kind: cluster.TransitionAcquire, Group: g.group, Epoch: g.epoch, Took: took, Detail: strings.Join(g.addresses(), ", "),
		Why: why,
	})
	first := sync.OnceFunc(func() {
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionAnnounce, Group: g.group, Epoch: g.epoch, Why: "the first packet told the neighbours", Took: time.Since(g.began)})
	})
	defends := c.onConflict(g.group) == cluster.ConflictDefend
	for _, p := range g.places {
		c.background.Go(func() { c.announce(own, p, first) })
		c.background.Go(func() { c.listen(own, g, p, defends) })
	}
	c.verify(own, g)
	c.runHooks(ctx, g, "acquire", c.groups[g.group])
}

// announce tells the neighbours, in a burst after the first time, and then again from time to time.
func (c *Controller) announce(ctx context.Context, p place, first func()) {
	const burst, gap = 3, 200 * time.Millisecond
	say := func(n int) {
		if err := c.machine.addrs.Announce(ctx, p.iface, p.addr(), n, gap); err == nil {
			first()
		} else if ctx.Err() == nil {
			c.log.Warn("cannot announce an address", "address", p.String(), "error", err)
		}
	}
	say(1)
	pause.For(ctx, gap)
	n := burst
	tick := time.NewTicker(c.opts.AnnounceEvery)
	defer tick.Stop()
	for {
		say(n)
		n = 1
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// listen hears other machines claim an address that this one serves.
func (c *Controller) listen(ctx context.Context, g *carrier, p place, defends bool) {
	var last time.Time
	every := time.Minute
	if defends {
		every = time.Second
	}
	report := func(x vip.Conflict) {
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		c.tell(ctx, func() { c.conflict(context.WithoutCancel(ctx), g, x) })
	}
	if err := c.machine.addrs.Conflicts(ctx, p.iface, []netip.Addr{p.addr()}, report); err != nil && ctx.Err() == nil {
		c.log.Warn("cannot listen for conflicts", "address", p.String(), "error", err)
	}
}

// conflict records that another machine claims an address. A daemon that stood still hears afterwards who took over meanwhile: that is none,
// for its lease has ended.
func (c *Controller) conflict(ctx context.Context, g *carrier, x vip.Conflict) {
	if g.deadline <= c.opts.Now() || c.carried[g.group] != g && c.carried[g.group] != nil {
		return
	}
	who := cmp.Or(c.macs[x.HardwareAddr.String()], "a machine that is no member")
	c.recorder.add(cluster.Transition{
		Kind: cluster.TransitionConflict, Group: g.group, Epoch: g.epoch,
		Why: fmt.Sprintf("%s (%s) claims %s, which this machine serves", who, x.HardwareAddr, x.Addr),
	})
	if c.macs[x.HardwareAddr.String()] != "" {
		return // a member that was late to let go
	}
	switch c.onConflict(g.group) {
	case cluster.ConflictYield:
		why := fmt.Sprintf("%s is claimed by %s, which is no member of this cluster", x.Addr, x.HardwareAddr)
		c.unfitFor(g.group, why)
		c.release(ctx, g, why)
	case cluster.ConflictDefend:
		for _, p := range g.places {
			if p.addr() == x.Addr {
				c.background.Go(func() { _ = c.machine.addrs.Announce(ctx, p.iface, p.addr(), 1, 0) }) // what fails here is said by announce
			}
		}
	}
}

// onConflict is what becomes of a group whose address somebody else has.
func (c *Controller) onConflict(group string) string {
	if x := c.groups[group]; x != nil {
		return x.OnConflict
	}
	return ""
}

// release gives a group back: its role on this machine first, which others may still have to hear from, then the fence, then what must not run
// elsewhere at the same time is stopped, then the word to the leader, then everything else.
func (c *Controller) release(ctx context.Context, g *carrier, why string) {
	if g.releasing != "" {
		return // it is on its way
	}
	start := time.Now()
	if c.opts.Roles[g.group] != nil && g.deadline > 0 {
		g.releasing = why
		c.queueRuns(g.group, func() {
			c.endRole(ctx, g)
			c.tell(ctx, func() { c.releaseRest(ctx, g, why, start) })
		})
		return
	}
	c.releaseRest(ctx, g, why, start)
}

// releaseRest goes on once the group's role here has ended.
func (c *Controller) releaseRest(ctx context.Context, g *carrier, why string, start time.Time) {
	if c.carried[g.group] != g {
		return
	}
	if c.bound(g) {
		if err := c.machine.shut(g.places); err == nil {
			g.releasing = why
			c.queueStop(ctx, g, func() { c.giveBack(ctx, g, why, start) })
			return
		}
	}
	c.giveBack(ctx, g, why, start)
}

// giveBack is the rest of a release.
func (c *Controller) giveBack(ctx context.Context, g *carrier, why string, start time.Time) {
	if c.carried[g.group] != g {
		return
	}
	if err := c.machine.shut(g.places); err != nil {
		// The kernel still closes at the deadline. Without the fence shut, the lease must run out: nothing is given back.
		c.log.Error("cannot shut the fence, the lease will run out instead", "group", g.group, "error", err)
		c.holder.Drop(g.group)
	} else {
		c.holder.GiveBack(g.group)
		c.given[g.group] = returned{g.epoch, why}
	}
	c.renew()
	c.drop(ctx, g, cluster.TransitionRelease, fmt.Sprintf("%s fenced the addresses and gave the lease back: %s", c.agent.Name(), why), time.Since(start))
}

// lapse is what follows when the lease ran out: the kernel has closed the fence, and the addresses go, because this machine's own
// programs still reach them.
func (c *Controller) lapse(ctx context.Context, g *carrier) {
	c.holder.Drop(g.group)
	_ = c.machine.shut(g.places) // the deadline has closed it already
	c.drop(ctx, g, cluster.TransitionLapse, c.agent.Name()+" lost the lease: the leader did not renew it in time; the fence is closed", 0)
}

// drop takes a shut group off the machine.
func (c *Controller) drop(ctx context.Context, g *carrier, kind cluster.TransitionKind, why string, took time.Duration) {
	g.stop()
	delete(c.carried, g.group)
	if g.releasing == "" && c.bound(g) {
		c.queueStop(ctx, g, nil)
	}
	c.effectsDue = true
	if err := c.machine.remove(g.places); err != nil {
		c.log.Error("cannot remove the addresses of a group", "group", g.group, "error", err)
	}
	c.applyEffects("")
	if g.deadline > 0 {
		c.recorder.add(cluster.Transition{Kind: kind, Group: g.group, Epoch: g.epoch, Why: why, Took: took, Detail: strings.Join(g.addresses(), ", ")})
		c.runHooks(ctx, g, "release", c.groups[g.group])
	}
}

// maxHooks is how many events of a group wait for its hooks at most.
const maxHooks = 64

// hookQueue runs the hooks of a group one after another, whatever epochs they belong to.
func (c *Controller) hookQueue(group string) chan func() {
	q := c.hooks[group]
	if q == nil {
		q = make(chan func(), maxHooks)
		c.hooks[group] = q
		c.background.Go(func() {
			for f := range q {
				f()
			}
		})
	}
	return q
}

// runHooks queues the hooks of an event.
func (c *Controller) runHooks(ctx context.Context, g *carrier, event string, group *cluster.Group) {
	if group == nil {
		return
	}
	hooks := group.OnAcquire
	if event == "release" {
		hooks = group.OnRelease
	}
	if len(hooks) == 0 {
		return
	}
	e := hookEvent{event: event, group: g.group, node: c.agent.Name(), epoch: g.epoch, addresses: g.addresses()}
	run := func() {
		for _, h := range hooks {
			start := time.Now()
			why, output := runHook(context.WithoutCancel(ctx), h, e)
			c.recorder.add(cluster.Transition{Kind: cluster.TransitionHook, Group: g.group, Epoch: g.epoch, Why: "on_" + event + " " + why, Detail: output, Took: time.Since(start)})
		}
	}
	select {
	case c.hookQueue(g.group) <- run:
	default:
		c.log.Error("hooks are skipped: too many events of the group wait for them", "group", g.group, "event", event)
	}
}

// publish shows the holdings to others.
func (c *Controller) publish() {
	now := c.opts.Now()
	var hs []cluster.Holding
	serving := 0
	for _, name := range slices.Sorted(maps.Keys(c.carried)) {
		g := c.carried[name]
		h := cluster.Holding{Group: g.group, Node: c.agent.Name(), Epoch: g.epoch, Phase: "claiming", Addresses: g.addresses(), Fence: c.machine.fence.Driver()}
		switch {
		case g.releasing != "":
			h.Phase = "releasing"
		case g.serving(now):
			h.Phase, h.Remaining = "serving", g.deadline.Sub(now)
			if g.holding {
				h.Phase = "holding"
			}
			serving++
		case g.granted > now:
			h.Phase, h.Remaining = "starting", g.granted.Sub(now)
		}
		hs = append(hs, h)
	}
	c.opts.Metrics.serving(serving)
	c.mu.Lock()
	c.holdings = hs
	c.mu.Unlock()
}
