package operator

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/plan"
)

// Agent is what the operator's desk needs of the member that it is on.
type Agent interface {
	WatchView() *state.View
	Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error)
}

// Machine is what this machine does for groups now; failover.Controller knows.
type Machine interface {
	Holdings() []cluster.Holding
}

// Timing is what worst cases follow from, the same on every server.
type Timing struct {
	TTL       time.Duration // of a lease
	Heartbeat time.Duration // Raft's heartbeat timeout
}

// Operator answers what people ask of failover: what would be, and please move.
type Operator struct {
	Machine

	agent  Agent
	timing Timing
}

// New makes the operator's desk of one member.
func New(agent Agent, machine Machine, timing Timing) *Operator {
	return &Operator{Machine: machine, agent: agent, timing: timing}
}

// Plan decides every group of the state, with the given ones in the place of those of the same name, or beside them. A group that could
// never be served (a VIP that no machine has a network for, or that another group has) is an error.
func (o *Operator) Plan(v *state.View, groups []cluster.Group, suppose cluster.Supposition) ([]cluster.Decision, error) {
	given := map[string]*cluster.Group{}
	for i := range groups {
		g := &groups[i]
		if given[g.Name] != nil {
			return nil, cluster.Errorf(cluster.Invalid, "group %q is given twice", g.Name)
		}
		given[g.Name] = g
	}
	if err := check(v, groups, given); err != nil {
		return nil, err
	}
	if err := suppositions(v, suppose); err != nil {
		return nil, err
	}
	return plan.Plan(v, plan.Question{Now: time.Now(), Groups: groups, Suppose: suppose}), nil
}

// suppositions says what of a supposition there is not.
func suppositions(v *state.View, s cluster.Supposition) error {
	named := slices.Clone(s.Failed)
	for n := range s.Checks {
		named = append(named, n)
	}
	for _, n := range named {
		if v.Node(n) == nil {
			return cluster.Errorf(cluster.Invalid, "there is no machine %q to suppose anything of", n)
		}
	}
	for n, checks := range s.Checks {
		for name := range checks {
			if !slices.ContainsFunc(v.NodeChecks(n), func(c *cluster.Check) bool { return c.ID == name || c.Name == name || c.ServiceName == name }) {
				return cluster.Errorf(cluster.Invalid, "%s has no check and no service with checks called %q", n, name)
			}
		}
	}
	return nil
}

// check says what makes one of the groups impossible.
func check(v *state.View, groups []cluster.Group, given map[string]*cluster.Group) error {
	owner := map[netip.Addr]string{}
	for _, g := range v.Groups() {
		if given[g.Name] != nil {
			continue
		}
		for _, x := range g.VIPs {
			owner[x.Addr()] = g.Name
		}
	}
	presences := v.Presences()
	for _, g := range groups {
		for _, x := range g.VIPs {
			if by := owner[x.Addr()]; by != "" {
				return cluster.Errorf(cluster.Conflict, "group %q wants the vip %s, which group %q has: an address belongs to one group", g.Name, x.Addr(), by)
			}
			owner[x.Addr()] = g.Name
			if err := carried(presences, &g, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// carried says that no machine has a network for a VIP, where that is so.
func carried(presences []*cluster.Presence, g *cluster.Group, x cluster.VIP) error {
	var seen []string
	for _, p := range presences {
		for _, n := range p.Networks {
			iface, prefix, _ := strings.Cut(n, " ")
			at, err := netip.ParsePrefix(prefix)
			if err == nil && (x.Interface == iface || x.Interface == "" && x.Prefix.Contains(at.Addr())) {
				return nil
			}
			seen = append(seen, p.Node+" "+n)
		}
	}
	if len(seen) == 0 {
		return nil // no machine has said anything yet
	}
	if x.Interface != "" {
		return cluster.Errorf(cluster.Invalid, "group %q: no machine has the interface %q for the vip %s; they have: %s", g.Name, x.Interface, x.Prefix, strings.Join(seen, ", "))
	}
	return cluster.Errorf(cluster.Invalid, "group %q: the vip %s lies in no network of any machine; they have: %s", g.Name, x.Prefix, strings.Join(seen, ", "))
}

// Move assigns a group to a machine that is eligible for it, and keeps it there while it is. Where the machine holds the group already, that is
// all: its epoch and its lease go on. A move that was planned for later is off with it.
func (o *Operator) Move(ctx context.Context, opts cluster.WriteOptions, group, node string) (cluster.Assignment, error) {
	v := o.agent.WatchView()
	g, target, err := eligible(v, group, node)
	if err != nil {
		return cluster.Assignment{}, err
	}
	// Only the leader's own plan brings new addresses into an epoch: it waits until no lease of another group covers them.
	old := v.Assignment(group)
	switch {
	case old == nil || old.Node == "":
		return cluster.Assignment{}, cluster.Errorf(cluster.Conflict, "%s has no holder at this moment: try again when it has one", group)
	case old.Node == target && old.Moved && v.PlannedMove(group) != nil:
		return *old, o.CancelMove(ctx, opts, group)
	case old.Node == target && old.Moved:
		return *old, nil
	case old.Node != target && !slices.Equal(old.VIPs, g.VIPs):
		return cluster.Assignment{}, cluster.Errorf(cluster.Conflict, "the addresses of %s are being changed at this moment: try again", group)
	}
	why := "an operator moved it to " + target
	if old.Node == target {
		why = "an operator chose to keep it on " + target
	}
	a := plan.MoveTo(old, target, why, time.Now())
	_, err = o.agent.Apply(ctx, opts, &cluster.Steer{Assignments: []cluster.Assignment{*a}, Transitions: []cluster.Transition{{
		Time: time.Now(), Kind: cluster.TransitionAssign, Group: group, Node: a.Node, Epoch: a.Epoch, Why: a.Why,
	}}})
	return *a, err
}

// eligible is the group, and the machine's name as the catalog has it, if it may hold the group.
func eligible(v *state.View, group, node string) (*cluster.Group, string, error) {
	g := v.Group(group)
	if g == nil {
		return nil, "", cluster.Errorf(cluster.NotFound, "there is no group %q", group)
	}
	d := plan.Group(v, g, plan.Question{Now: time.Now()})
	i := slices.IndexFunc(d.Verdicts, func(x cluster.Verdict) bool { return strings.EqualFold(x.Node, node) })
	if i < 0 {
		return nil, "", cluster.Errorf(cluster.NotFound, "there is no machine %q", node)
	}
	target := d.Verdicts[i]
	if !target.Eligible {
		return nil, "", cluster.Errorf(cluster.Conflict, "%s cannot hold %s: %s", target.Node, group, target.Why)
	}
	return g, target.Node, nil
}
