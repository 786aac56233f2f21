package plan_test

import (
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/plan"
)

// planned is when the plans of these tests are made.
var planned = time.Unix(1000, 0)

// Plan decides every group, as the leader does.
func Plan(v *state.View, news ...*cluster.Presence) []cluster.Decision {
	return plan.Plan(v, plan.Question{Now: planned, News: news})
}

// PlanGroup decides one group as it is given.
func PlanGroup(v *state.View, g *cluster.Group) cluster.Decision {
	return plan.Group(v, g, plan.Question{Now: planned})
}
