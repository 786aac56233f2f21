package failover

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/plan"
)

// PlanMove has the leader move a group to a machine after in, whoever leads then. Until that time nothing changes but how long the names of
// the group may be remembered. It takes the place of an earlier plan.
func (o *Operator) PlanMove(ctx context.Context, opts cluster.WriteOptions, group, node string, in time.Duration) (cluster.PlannedMove, error) {
	p := cluster.PlannedMove{Group: group}
	v := o.agent.WatchView()
	_, target, err := eligible(v, group, node)
	if err != nil {
		return p, err
	}
	p.Node, p.At = target, time.Now().Add(in)
	if a := v.Assignment(group); a != nil && a.Node == target && a.Moved {
		return p, cluster.Errorf(cluster.Conflict, "%s is on %s already, where an operator moved it", group, target)
	}
	_, err = o.agent.Apply(ctx, opts, &cluster.PlanMove{Group: group, Node: target, In: in})
	return p, err
}

// CancelMove ends the plan to move a group.
func (o *Operator) CancelMove(ctx context.Context, opts cluster.WriteOptions, group string) error {
	_, err := o.agent.Apply(ctx, opts, &cluster.PlanMove{Group: group, Why: "an operator called the planned move off"})
	return err
}

// carryOut is the assignment by which a planned move is done, nil where it is not due, or cannot be done at this moment; then it is to be
// looked at again after wait.
func (a *Assigner) carryOut(d *cluster.Decision, old *cluster.Assignment, g *cluster.Group, now time.Time) (x *cluster.Assignment, wait time.Duration) {
	p := d.Planned
	if p == nil {
		return nil, time.Minute
	}
	if left := p.At.Sub(now); left > 0 {
		return nil, left
	}
	if impossible(d, old) != "" || old == nil || old.Node == "" || !slices.Equal(old.VIPs, g.VIPs) {
		return nil, a.opts.TTL / 4
	}
	x = moveTo(old, p.Node, "the move that an operator planned was due: to "+p.Node)
	return x, 0
}

// impossible says why a planned move that is due will not be done, "" where it will.
func impossible(d *cluster.Decision, old *cluster.Assignment) string {
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

// giveUp ends the plans that are due and cannot be carried out: to do it hours later would surprise everyone.
func (a *Assigner) giveUp(ctx context.Context, v *state.View) {
	now := time.Now()
	due := func(p *cluster.PlannedMove) bool { return p != nil && !p.At.After(now) }
	if !slices.ContainsFunc(v.Groups(), func(g *cluster.Group) bool { return due(v.PlannedMove(g.Name)) }) {
		return
	}
	for _, d := range plan.Plan(v, plan.Question{Now: now}) {
		if !due(d.Planned) {
			continue
		}
		why := impossible(&d, v.Assignment(d.Group))
		if why == "" {
			continue
		}
		a.log.Warn("a planned move is given up", "group", d.Group, "why", why)
		if _, err := a.agent.Apply(ctx, cluster.WriteOptions{}, &cluster.PlanMove{Group: d.Group, Why: why}); err != nil && ctx.Err() == nil {
			a.log.Warn("cannot end the plan of a move, will try again", "group", d.Group, "error", err)
		}
	}
}

// moveTo is the assignment by which an operator has a group on a machine: the next epoch, or where the machine holds it, the same one, marked.
func moveTo(old *cluster.Assignment, node, why string) *cluster.Assignment {
	x := *old
	x.Moved, x.Why = true, why
	if old.Node != node {
		x.Node, x.Epoch, x.Since = node, old.Epoch+1, time.Now()
	}
	return &x
}
