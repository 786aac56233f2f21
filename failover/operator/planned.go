package operator

import (
	"context"
	"time"

	"holdfast/cluster"
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
