package assigner

import (
	"context"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/plan"
)

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
	if plan.Impossible(d, old) != "" || old == nil || old.Node == "" || !slices.Equal(old.VIPs, g.VIPs) {
		return nil, a.opts.TTL / 4
	}
	x = plan.MoveTo(old, p.Node, "the move that an operator planned was due: to "+p.Node, now)
	return x, 0
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
		why := plan.Impossible(&d, v.Assignment(d.Group))
		if why == "" {
			continue
		}
		a.log.Warn("a planned move is given up", "group", d.Group, "why", why)
		if _, err := a.agent.Apply(ctx, cluster.WriteOptions{}, &cluster.PlanMove{Group: d.Group, Why: why}); err != nil && ctx.Err() == nil {
			a.log.Warn("cannot end the plan of a move, will try again", "group", d.Group, "error", err)
		}
	}
}
