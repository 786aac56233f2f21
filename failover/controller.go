package failover

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/failover/fence"
	"holdfast/failover/lease"
	"holdfast/failover/outbox"
)

// Options tune failover. All machines of a cluster must have the same TTL.
type Options struct {
	TTL           time.Duration         // of a lease
	AnnounceEvery time.Duration         // how often a held address is announced again
	RefreshEvery  time.Duration         // how often the lifetime of carried addresses is renewed
	StopTimeout   time.Duration         // how long an orderly stop waits for the groups to go elsewhere
	ProbeWait     time.Duration         // how long a stranger has to answer before a claim is thought clear
	Metrics       *Metrics              // what is counted; nil for nothing
	UnfitFor      time.Duration         // how long a machine that could not carry a group, as it found by trying, does not try again; it doubles each time
	Effects       Effects               // what goes with the addresses; nil on a machine that does nothing of that kind
	Connections   Connections           // keeps established connections; nil on a machine that does nothing of that kind
	Roles         map[string]Role       // by group: what this machine does besides
	Now           func() fence.Boottime // the clock of leases; nil for the machine's
}

// DefaultOptions are what production uses.
func DefaultOptions() Options {
	return Options{
		TTL: lease.DefaultTTL, AnnounceEvery: 30 * time.Second, RefreshEvery: time.Second, StopTimeout: 2 * time.Second, ProbeWait: 100 * time.Millisecond, UnfitFor: 10 * time.Second,
	}
}

// Controller makes this machine agree with the assignments it knows and the leases it has. One goroutine, Run, owns everything but what
// mu guards; others hand it what they learn through its inbox.
type Controller struct {
	agent    Agent
	channel  Channel
	machine  machine
	opts     Options
	log      *slog.Logger
	recorder *recorder
	inbox    chan func()
	ended    chan struct{} // closed when Run has ended

	// What Run owns.
	groups      map[string]*cluster.Group     // as this member's state has them
	assignments map[string]cluster.Assignment // the newest known, from the state or from the leader
	carried     map[string]*carrier
	holder      *lease.Holder
	out         *outbox.Outbox         // to the leader; nil while there is no channel
	unable      map[string]string      // group -> why this machine cannot carry it
	unfit       map[string]hindrance   // what was found out by trying
	incapable   string                 // why this machine never carries a group, "" where it can
	misfit      string                 // why this machine takes no group at all for now, "" where it does
	given       map[string]returned    // group -> the highest epoch that was given back
	hooks       map[string]chan func() // group -> its hooks, one after another
	hardware    []string               // this machine's hardware addresses
	networks    []string               // and where it can carry addresses
	macs        map[string]string      // hardware address -> member
	informed    bool                   // the leader has told the assignments since the last look for leftovers, so that they are known as such
	overdue     bool                   // it is time to look for leftovers
	surveyed    time.Time              // when hardware and networks were found out; zero: they may have changed
	renewed     time.Time              // when the last renewal was made
	dark        map[int]string         // interfaces by index that no neighbour reaches, a sentence each
	bare        []string               // interfaces without a fence, a sentence each
	stopping    string                 // why this daemon is stopping, "" while it is not
	stopped     chan struct{}          // closed once a stopping daemon carries nothing; nil before and after
	background  sync.WaitGroup
	known       bool              // the leader has told the assignments once: what is not wanted now is not wanted
	effectsDue  bool              // what goes with the groups may have changed
	effectless  bool              // nothing of that kind is on the machine
	effectErrs  map[string]string // what did not succeed, as it was told
	asking      bool              // the voters, whether this machine may go on without a leader
	adopted     bool              // what an earlier daemon started has been looked through
	clusterID   string            // "" while it is not known

	mu       sync.Mutex // guards following
	holdings []cluster.Holding
}

// hindrance is why this machine does not carry a group for a while.
type hindrance struct {
	why    string
	until  time.Time
	length time.Duration
}

// NewController makes a controller; Run starts it.
func NewController(agent Agent, channel Channel, addrs Addresses, f Fence, opts Options, log *slog.Logger) *Controller {
	if opts.UnfitFor == 0 {
		opts.UnfitFor = DefaultOptions().UnfitFor
	}
	if opts.Now == nil {
		opts.Now = fence.Now
	}
	return &Controller{
		incapable: incapable(addrs), agent: agent, channel: channel, machine: machine{addrs, opts.Metrics.counting(f)}, opts: opts, log: log, recorder: newRecorder(agent, opts.Metrics, log), inbox: make(chan func(), 64), ended: make(chan struct{}),
		groups: map[string]*cluster.Group{}, assignments: map[string]cluster.Assignment{}, carried: map[string]*carrier{},
		holder: lease.NewHolder(), dark: map[int]string{}, unable: map[string]string{}, macs: map[string]string{},
		unfit: map[string]hindrance{}, given: map[string]returned{}, hooks: map[string]chan func(){}, overdue: true,
	}
}

// Run does the controller's work until ctx ends. It leaves the machine as it is: a daemon that comes back within the lease carries on.
// For an orderly end, call Stop first.
func (c *Controller) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer close(c.ended)
	defer c.background.Wait()
	defer c.rest()
	defer cancel()
	c.background.Go(func() { c.recorder.run(ctx) })
	c.background.Go(func() { c.followState(ctx) })
	c.background.Go(func() { c.followLeader(ctx) })
	c.background.Go(func() { c.followMachine(ctx) })
	c.background.Go(func() { c.followEffects(ctx) })
	c.background.Go(func() { c.keepConnections(ctx) })
	c.assess()
	renew := time.NewTimer(c.opts.TTL / 3)
	defer renew.Stop()
	beats := c.channel.Beats()
	refresh := time.NewTicker(c.opts.RefreshEvery)
	defer refresh.Stop()
	for {
		due := time.NewTimer(c.untilDeadline())
		select {
		case <-ctx.Done():
			due.Stop()
			return
		case f := <-c.inbox:
			f()
		case <-beats:
			if time.Since(c.renewed) < c.opts.TTL/5 {
				due.Stop()
				continue
			}
			renew.Reset(c.opts.TTL / 3)
			c.renew()
		case <-renew.C:
			renew.Reset(c.opts.TTL / 3)
			c.renew()
		case <-refresh.C:
			c.refresh()
		case <-due.C:
		}
		due.Stop()
		c.reconcile(ctx)
		c.publish()
	}
}

// rest ends what belongs to this process. The addresses and the fence stay as they are.
func (c *Controller) rest() {
	for _, q := range c.hooks {
		close(q)
	}
}

// tell hands something to the loop. It reports whether the loop will take it.
func (c *Controller) tell(ctx context.Context, f func()) bool {
	select {
	case c.inbox <- f:
		return true
	case <-ctx.Done():
		return false
	}
}

// untilDeadline is the time to the next end of a lease here.
func (c *Controller) untilDeadline() time.Duration {
	next, now := time.Hour, c.opts.Now()
	for _, g := range c.carried {
		if end := max(g.deadline, g.granted); end > 0 {
			next = min(next, max(0, end.Sub(now)))
		}
	}
	return next
}

// followState tells the loop what this member's state says of groups and assignments, whenever that changes.
func (c *Controller) followState(ctx context.Context) {
	for ctx.Err() == nil {
		v := c.agent.WatchView()
		id := v.ClusterID()
		groups, assignments, epochs, macs := map[string]*cluster.Group{}, v.Assignments(), v.LastEpochs(), map[string]string{}
		for _, g := range v.Groups() {
			groups[g.Name] = g
		}
		for _, p := range v.Presences() {
			for _, a := range p.HardwareAddrs {
				macs[a] = p.Node
			}
		}
		c.tell(ctx, func() {
			for name, a := range c.assignments {
				if groups[name] == nil && a.Epoch <= epochs[name] {
					delete(c.assignments, name) // it was deleted; a newer epoch is the leader's word, and its group comes with the log yet
				}
			}
			c.groups, c.macs, c.effectsDue, c.clusterID = groups, macs, true, id
			for _, a := range assignments {
				c.learn(*a)
			}
		})
		_ = v.Wait(ctx) // changed or over: the loop condition tells
	}
}

// learn keeps the newest assignment of a group.
func (c *Controller) learn(a cluster.Assignment) {
	if old, ok := c.assignments[a.Group]; !ok || a.Epoch > old.Epoch {
		c.assignments[a.Group] = a
	}
}

// reconcile makes the machine agree with what is known. It may be called at any time.
func (c *Controller) reconcile(ctx context.Context) {
	now := c.opts.Now()
	for name, g := range c.carried {
		a, known := c.assignments[name]
		switch {
		case g.releasing != "":
		case !known || a.Node != c.agent.Name() || a.Epoch != g.epoch:
			c.release(ctx, g, c.releaseReason(a, known))
		case g.deadline > 0 && !g.serving(now), g.deadline == 0 && g.granted > 0 && g.granted <= now:
			c.lapse(ctx, g)
		default:
			c.changeRuns(ctx, g)
		}
	}
	if c.effectsDue {
		c.applyEffects("")
	}
	c.holdOn(ctx)
	if c.stopping != "" {
		if len(c.carried) == 0 && !c.holder.Owed() && c.stopped != nil {
			close(c.stopped)
			c.stopped = nil
		}
		return
	}
	for name, a := range c.assignments {
		if a.Node == c.agent.Name() && c.carried[name] == nil {
			c.take(ctx, a)
		}
	}
	c.clearLeftovers(ctx, now)
}

func (c *Controller) releaseReason(a cluster.Assignment, known bool) string {
	switch {
	case !known:
		return "the group was deleted"
	case a.Node == "":
		return "no machine is to hold it: " + a.Why
	case a.Node != c.agent.Name():
		return "it goes to " + a.Node + ": " + a.Why
	}
	return "its addresses or its epoch changed: " + a.Why
}

// clearLeftovers removes what an earlier daemon left and nobody has claimed since.
func (c *Controller) clearLeftovers(ctx context.Context, now fence.Boottime) {
	if !c.informed || !c.overdue {
		return
	}
	if !c.known {
		c.known = true
		c.applyEffects("")
		c.stopOrphans(ctx)
	}
	c.informed, c.overdue = false, false // once in RefreshEvery, and after a word of the leader, is enough
	var keep []netip.Addr
	for _, g := range c.carried {
		for _, p := range g.places {
			keep = append(keep, p.addr())
		}
	}
	removed, err := c.machine.leftovers(keep, now)
	if err != nil {
		c.log.Error("cannot remove the addresses that an earlier daemon left", "error", err)
	}
	for _, p := range removed {
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionRepair, Why: "removed " + p.Prefix.String() + " from " + p.Interface.Name + ": an earlier daemon left it, and this machine does not hold it"})
	}
}

// refresh renews the lifetime of what this machine carries, and finds out again what it cannot carry.
func (c *Controller) refresh() {
	for _, g := range c.carried {
		if g.apart {
			continue
		}
		if err := c.machine.refresh(g.places); err != nil {
			c.log.Warn("cannot renew the lifetime of an address", "group", g.group, "error", err)
		}
	}
	c.overdue, c.effectsDue = true, true
	c.guard()
	c.assess()
}

// returned is an epoch that was given back, and why.
type returned struct {
	epoch uint64
	why   string
}

// guard keeps the fence on every interface of a machine that may carry groups, and says once where it cannot.
func (c *Controller) guard() {
	if len(c.groups) == 0 {
		return
	}
	bare := c.machine.guard()
	if !slices.Equal(bare, c.bare) {
		for _, b := range bare {
			c.log.Warn("an interface is not fenced", "why", b)
		}
	}
	c.bare = bare
}

// assess finds out which groups this machine could not carry. A change goes to the leader with the next renewal, which is sent at once.
func (c *Controller) assess() {
	unable := map[string]string{}
	if c.incapable != "" {
		unable[cluster.AnyGroup] = c.incapable
	}
	for name, g := range c.groups {
		if x, known := c.unfit[name]; known && time.Now().Before(x.until) {
			unable[name] = x.why
			continue
		}
		if g := c.carried[name]; g != nil {
			if why := c.darkness(g.places); why != "" {
				unable[name] = why // it serves nobody: the leader gives the group to another machine, or to none
			}
			continue
		}
		if a := c.assignments[name]; a.Node == c.agent.Name() && a.Epoch <= c.given[name].epoch {
			// No leader has heard why, and giving back is final: only another epoch brings the group back.
			unable[name] = fmt.Sprintf("it has given epoch %d back: %s", a.Epoch, c.given[name].why)
			continue
		}
		if c.misfit != "" {
			unable[name] = c.misfit
			continue
		}
		places, err := c.machine.resolve(g.VIPs)
		if err != nil {
			unable[name] = err.Error()
		} else if why := c.darkness(places); why != "" {
			unable[name] = why
		}
	}
	hardware, networks := c.survey()
	if !maps.Equal(unable, c.unable) || !slices.Equal(hardware, c.hardware) || !slices.Equal(networks, c.networks) {
		c.unable, c.hardware, c.networks = unable, hardware, networks
		c.renew()
	}
}

// compare finds out whether leases last as long at the leader as here. A lease itself lasts as the leader says, but what is built on it goes by this
// machine's own config: how long a proxy believes in a writer, and how long the next writer waits for all proxies. So where the two differ this
// machine takes no group that it does not have.
func (c *Controller) compare(ttl time.Duration) {
	why := ""
	if ttl > 0 && ttl != c.opts.TTL {
		why = fmt.Sprintf("failover.lease_ttl is %s here and %s at the leader: set the same on every machine", c.opts.TTL, ttl)
	}
	if why == c.misfit {
		return
	}
	if c.misfit = why; why != "" {
		c.log.Error("this machine takes no groups", "why", why)
	}
	c.assess()
}

// surveyEvery is how often the interfaces are looked at where nothing tells of a change.
const surveyEvery = 10 * time.Second

// survey is what the leader is told of this machine's interfaces. followMachine says when they change.
func (c *Controller) survey() (hardware, networks []string) {
	if time.Since(c.surveyed) < surveyEvery {
		return c.hardware, c.networks
	}
	c.surveyed = time.Now()
	return interfaces()
}

// Holdings is what this machine does for groups now.
func (c *Controller) Holdings() []cluster.Holding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holdings
}
