package prepared

import (
	"net/netip"
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Options are who executes a query, and how.
type Options struct {
	Near    string     // a node, _agent or _ip; "" means what the query says
	Agent   string     // the node of the agent that is asked
	Client  netip.Addr // who asks; may be invalid
	Limit   int        // how many instances at most; 0 means all
	Shuffle func(n int, swap func(i, j int))

	Datacenter string      // ours
	Elsewhere  []Elsewhere // the other datacenters, the nearest first
}

// Elsewhere is another datacenter in which a query can be executed.
type Elsewhere struct {
	Name    string
	Execute func(q *cluster.PreparedQuery) ([]state.Instance, error)
}

// Result is what a query gives.
type Result struct {
	Instances  []state.Instance // in order
	Datacenter string           // where they are
	Failovers  int              // how many other datacenters were tried
}

// Execute gives the instances that a query selects, those of other datacenters where none is left here. The order is that of the
// round-trip times from the node that near names, whose own instances come first; without one, or where nothing is known of it, it is
// whatever Shuffle makes it.
func Execute(v *state.View, q *cluster.PreparedQuery, o Options) Result {
	r := Result{Instances: Select(v, &q.Service), Datacenter: o.Datacenter}
	if len(r.Instances) == 0 {
		r.failOver(q, o)
	}
	if o.Shuffle != nil {
		o.Shuffle(len(r.Instances), func(i, j int) { r.Instances[i], r.Instances[j] = r.Instances[j], r.Instances[i] })
	}
	if r.Failovers == 0 {
		r.Instances = order(v, r.Instances, origin(v, q, o))
	}
	if o.Limit > 0 && len(r.Instances) > o.Limit {
		r.Instances = r.Instances[:o.Limit]
	}
	return r
}

// failOver tries the other datacenters that the query names, one after another, until one has instances. One that cannot answer counts as
// tried.
func (r *Result) failOver(q *cluster.PreparedQuery, o Options) {
	for _, dc := range candidates(&q.Service.Failover, o.Elsewhere) {
		r.Failovers++
		if found, err := dc.Execute(q); err == nil && len(found) > 0 {
			r.Instances, r.Datacenter = found, dc.Name
			return
		}
	}
}

// candidates are the datacenters to try: the nearest, then those named, each once. Names of datacenters that nobody knows are skipped.
func candidates(f *cluster.QueryFailover, known []Elsewhere) []Elsewhere {
	out := slices.Clone(known[:min(max(f.NearestN, 0), len(known))])
	named := slices.Clone(f.Datacenters)
	for _, t := range f.Targets {
		named = append(named, t.Datacenter)
	}
	for _, name := range named {
		is := func(e Elsewhere) bool { return strings.EqualFold(e.Name, name) }
		if at := slices.IndexFunc(known, is); at >= 0 && !slices.ContainsFunc(out, is) {
			out = append(out, known[at])
		}
	}
	return out
}

// origin is the node to which the instances are to be near, "" for none.
func origin(v *state.View, q *cluster.PreparedQuery, o Options) string {
	near := o.Near
	if near == "" {
		near = q.Service.Near
	}
	return v.Origin(near, o.Agent, o.Client)
}

// order puts the instances in the order of their distance, those on the node itself first, whatever is known of distances.
func order(v *state.View, all []state.Instance, from string) []state.Instance {
	if from == "" {
		return all
	}
	all = state.Nearest(v, from, all, func(i state.Instance) string { return i.Node.Name })
	slices.SortStableFunc(all, func(a, b state.Instance) int { return rank(a, from) - rank(b, from) })
	return all
}

func rank(i state.Instance, from string) int {
	if strings.EqualFold(i.Node.Name, from) {
		return 0
	}
	return 1
}

// Select is the instances of a service here that are healthy and have all that is wanted, in the order of nodes and IDs. The list is the caller's.
func Select(v *state.View, s *cluster.QueryService) []state.Instance {
	return choose(v.ServiceInstances(s.Service), s)
}

// choose is the instances of all that are healthy and have all that is wanted.
func choose(all []state.Instance, s *cluster.QueryService) []state.Instance {
	var out []state.Instance
	for _, i := range all {
		if healthy(i, s) && hasTags(i.Service.Tags, s.Tags) && hasAll(i.Node.Meta, s.NodeMeta) && hasAll(i.Service.Meta, s.ServiceMeta) {
			out = append(out, i)
		}
	}
	return out
}

// healthy reports whether no check that counts is against an instance.
func healthy(i state.Instance, s *cluster.QueryService) bool {
	return !slices.ContainsFunc(i.Checks, func(c *cluster.Check) bool {
		against := c.Status == cluster.Critical || s.OnlyPassing && c.Status != cluster.Passing
		return against && !slices.Contains(s.IgnoreCheckIDs, c.ID)
	})
}

// hasTags reports whether an instance has the tags that are wanted and none that is not. They compare without regard to case.
func hasTags(tags, wanted []string) bool {
	for _, w := range wanted {
		w, unwanted := strings.CutPrefix(w, "!")
		if slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, w) }) == unwanted {
			return false
		}
	}
	return true
}

func hasAll(meta, wanted map[string]string) bool {
	for k, w := range wanted {
		if v, ok := meta[k]; !ok || v != w {
			return false
		}
	}
	return true
}
