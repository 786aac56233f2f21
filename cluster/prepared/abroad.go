package prepared

import (
	"context"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Abroad is the other datacenters.
type Abroad interface {
	// Datacenters is the names of all that are known, the own first and then the nearest.
	Datacenters(ctx context.Context) []string
	// Instances is the instances of a service in one of them, each with its checks.
	Instances(ctx context.Context, datacenter, service string) ([]state.Instance, error)
}

// Beyond is where a query is executed if there is nothing for it here; nowhere where it does not ask for that, or abroad is nil.
func Beyond(ctx context.Context, abroad Abroad, q *cluster.PreparedQuery) []Elsewhere {
	f := &q.Service.Failover
	if abroad == nil || f.NearestN <= 0 && len(f.Datacenters) == 0 && len(f.Targets) == 0 {
		return nil
	}
	var out []Elsewhere
	for _, name := range abroad.Datacenters(ctx)[1:] {
		out = append(out, Elsewhere{name, func(q *cluster.PreparedQuery) ([]state.Instance, error) {
			all, err := abroad.Instances(ctx, name, q.Service.Service)
			return choose(all, &q.Service), err
		}})
	}
	return out
}
