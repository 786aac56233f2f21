package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Settled reports whether the state already says what the plan wants.
func Settled(old *cluster.Assignment, d *cluster.Decision, g *cluster.Group) bool {
	if old == nil || old.Epoch == 0 {
		return d.Node == ""
	}
	return old.Node == d.Node && (d.Node == "" || slices.Equal(old.VIPs, g.VIPs))
}

// Assign is the next epoch of a group.
func Assign(old *cluster.Assignment, d *cluster.Decision, g *cluster.Group, now time.Time) *cluster.Assignment {
	x := &cluster.Assignment{Group: d.Group, Node: d.Node, Epoch: d.Epoch + 1, Why: d.Why, Since: now}
	if d.Node != "" {
		x.VIPs = g.VIPs
	}
	if old != nil {
		x.Falls = old.Falls
		if d.Fell {
			x.Falls = Fell(g, old.Falls, old.Node, x.Since)
		}
	}
	if old != nil && old.Node == d.Node && d.Node != "" {
		x.Moved, x.Why = old.Moved, "its addresses were changed; "+d.Why
	}
	return x
}

// GiveWay is the assignment by which a group that has to wait for new addresses gives up those that other groups are to have, nil where it has
// none of these. next is the one that it waits for. The epoch may be left without an address: then there is nothing to carry.
func GiveWay(v *state.View, old *cluster.Assignment, d *cluster.Decision, next *cluster.Assignment) *cluster.Assignment {
	if old == nil || old.Node == "" {
		return nil
	}
	heirs := map[netip.Addr]string{}
	for _, g := range v.Groups() {
		for _, x := range g.VIPs {
			heirs[x.Addr()] = g.Name
		}
	}
	x := *next
	x.VIPs = nil
	var given []string
	for _, a := range old.VIPs {
		if to := heirs[a.Addr()]; to != "" && to != d.Group {
			given = append(given, fmt.Sprintf("%s to %s", a.Addr(), to))
			continue
		}
		x.VIPs = append(x.VIPs, a)
	}
	if len(given) == 0 {
		return nil
	}
	x.Why = "it gives " + strings.Join(given, ", ") + ", and waits for its own new addresses; " + d.Why
	return &x
}

// MoveTo is the assignment by which an operator has a group on a machine: the next epoch, or where the machine holds it, the same one, marked.
func MoveTo(old *cluster.Assignment, node, why string, now time.Time) *cluster.Assignment {
	x := *old
	x.Moved, x.Why = true, why
	if old.Node != node {
		x.Node, x.Epoch, x.Since = node, old.Epoch+1, now
	}
	return &x
}

// Impossible says why a planned move that is due will not be done, "" where it will.
func Impossible(d *cluster.Decision, old *cluster.Assignment) string {
	if old != nil && old.Node == d.Planned.Node && old.Moved {
		return "the planned move was not necessary: " + old.Node + " holds it already"
	}
	i := slices.IndexFunc(d.Verdicts, func(x cluster.Verdict) bool { return x.Node == d.Planned.Node })
	switch {
	case i < 0:
		return fmt.Sprintf("the planned move to %s was given up: it is no member any more", d.Planned.Node)
	case !d.Verdicts[i].Eligible:
		return fmt.Sprintf("the planned move to %s was given up: it cannot hold it: %s", d.Planned.Node, d.Verdicts[i].Why)
	}
	return ""
}

// Awaits is what is to be noted of a group that waits for a better machine, nil for nothing new.
func Awaits(old *cluster.Assignment, d *cluster.Decision) *cluster.Await {
	if old == nil || old.Node == "" || d.Changed() || old.Better == d.Better {
		return nil
	}
	return &cluster.Await{Group: d.Group, Epoch: old.Epoch, Node: d.Better, Since: d.BetterSince}
}
