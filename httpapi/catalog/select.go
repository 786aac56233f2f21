package catalog

import (
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// nodeMeta is the node-meta parameters, key:value each.
func nodeMeta(r *exchange.Request) map[string]string {
	var meta map[string]string
	for _, s := range r.Query["node-meta"] {
		k, v, _ := strings.Cut(s, ":")
		if meta == nil {
			meta = map[string]string{}
		}
		meta[k] = v
	}
	return meta
}

// hasMeta reports whether a node has all of the metadata. A key without a value asks for one that is there and empty.
func hasMeta(n *cluster.Node, want map[string]string) bool {
	for k, v := range want {
		if n == nil {
			return false
		}
		if had, ok := n.Meta[k]; !ok || had != v {
			return false
		}
	}
	return true
}

// hasTags reports whether an instance has all of the tags, which compare without regard to case.
func hasTags(s *cluster.Service, want []string) bool {
	for _, w := range want {
		if !slices.ContainsFunc(s.Tags, func(t string) bool { return strings.EqualFold(t, w) }) {
			return false
		}
	}
	return true
}

// tags is the tag parameters that say something.
func tags(r *exchange.Request) []string {
	var out []string
	for _, t := range r.Query["tag"] {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

// chooses reports whether a request wants some of the instances, or them in an order of its own.
func chooses(r *exchange.Request) bool {
	return r.Has("tag") || r.Has("node-meta") || r.Has("near") || r.Has("filter")
}

// selectInstances keeps the instances that the tag and node-meta parameters select.
func selectInstances(r *exchange.Request, all []state.Instance) []state.Instance {
	wantTags, wantMeta := tags(r), nodeMeta(r)
	if len(wantTags) == 0 && len(wantMeta) == 0 {
		return all
	}
	var out []state.Instance
	for _, i := range all {
		if hasTags(i.Service, wantTags) && hasMeta(i.Node, wantMeta) {
			out = append(out, i)
		}
	}
	return out
}

// nearest is a list in the order that the near parameter asks for, or as it is.
func nearest[T any](r *exchange.Request, v *state.View, agent string, all []T, node func(T) string) []T {
	near := r.Query.Get("near")
	if near == "" {
		return all
	}
	return state.Nearest(v, v.Origin(near, agent, r.ClientAddr()), all, node)
}

func nodeName(n *cluster.Node) string      { return n.Name }
func instanceNode(i state.Instance) string { return i.Node.Name }
func nodeOfCheck(c *cluster.Check) string  { return c.Node }
