package group

import (
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Budget is how long a group may be unserved at worst when something happens.
type Budget struct {
	Group string
	Cause string
	What  string
	Worst string
	Why   string
}

// budget answers the worst case for each cause, from the configuration as it is.
func (h *failoverHandler) budget(r *exchange.Request) (*exchange.Reply, error) {
	out := []Budget{}
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		out = []Budget{}
		for _, b := range h.failover.Budget(v) {
			if want := r.Query.Get("group"); want == "" || want == b.Group {
				out = append(out, Budget{Group: b.Group, Cause: b.Cause, What: b.What, Worst: b.Worst.String(), Why: b.Why})
			}
		}
		return nil
	})
	return exchange.Found(out, meta, err)
}

// supposition reads fail=NODE and check=NODE/NAME=STATUS, each as often as one likes.
func supposition(r *exchange.Request) (cluster.Supposition, error) {
	s := cluster.Supposition{Failed: r.Query["fail"], Checks: map[string]map[string]cluster.Status{}}
	for _, text := range r.Query["check"] {
		node, rest, ok := strings.Cut(text, "/")
		name, status, ok2 := cutLast(rest, "=")
		if !ok || !ok2 || node == "" || name == "" || !slices.Contains([]cluster.Status{cluster.Passing, cluster.Warning, cluster.Critical}, cluster.Status(status)) {
			return s, cluster.Errorf(cluster.Invalid, "the parameter check=%s cannot be read: want NODE/NAME=STATUS, as in n1/web=critical", text)
		}
		if s.Checks[node] == nil {
			s.Checks[node] = map[string]cluster.Status{}
		}
		s.Checks[node][name] = cluster.Status(status)
	}
	return s, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
