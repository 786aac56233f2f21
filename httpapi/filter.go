package httpapi

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-bexpr"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// filter keeps the rows that the filter parameter selects, in the language of Consul's API. Rows are wire types, so that a selector is
// spelt as the field is.
func filter[T any](r *request, rows []T) ([]T, error) {
	keep, err := selector[T](r)
	if err != nil || keep == nil {
		return rows, err
	}
	out := rows[:0:0]
	for _, row := range rows {
		ok, err := keep(row)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, row)
		}
	}
	return out, nil
}

// filterMap is filter for rows by name.
func filterMap[T any](r *request, rows map[string]T) (map[string]T, error) {
	keep, err := selector[T](r)
	if err != nil || keep == nil {
		return rows, err
	}
	for id, row := range rows {
		ok, err := keep(row)
		if err != nil {
			return nil, err
		}
		if !ok {
			delete(rows, id)
		}
	}
	return rows, nil
}

// filterSteps bounds the work of reading a filter: brackets within brackets cost the parser ever more.
const filterSteps = 200_000

// selector is the filter parameter as a function, nil where there is none.
func selector[T any](r *request) (func(T) (bool, error), error) {
	expr := r.query.Get("filter")
	if strings.TrimSpace(expr) == "" {
		return nil, nil
	}
	e, err := bexpr.CreateEvaluator(expr, bexpr.WithMaxExpressions(filterSteps))
	if err != nil {
		return nil, cluster.Errorf(cluster.Invalid, "the filter %q cannot be read: %v", expr, err)
	}
	return func(row T) (bool, error) {
		ok, err := e.Evaluate(row)
		if err != nil {
			return false, cluster.Errorf(cluster.Invalid, "the filter %q does not fit what is listed here: %v", expr, err)
		}
		return ok, nil
	}, nil
}

// nodeMeta is the node-meta parameters, key:value each.
func nodeMeta(r *request) map[string]string {
	var meta map[string]string
	for _, s := range r.query["node-meta"] {
		k, v, _ := strings.Cut(s, ":")
		if meta == nil {
			meta = map[string]string{}
		}
		meta[k] = v
	}
	return meta
}

// hasMeta reports whether a node has all of the metadata.
func hasMeta(n *cluster.Node, want map[string]string) bool {
	for k, v := range want {
		if n == nil || n.Meta[k] != v {
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
func tags(r *request) []string {
	var out []string
	for _, t := range r.query["tag"] {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

// selectInstances keeps the instances that the tag and node-meta parameters select.
func selectInstances(r *request, all []state.Instance) []state.Instance {
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
