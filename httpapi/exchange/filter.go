package exchange

import (
	"strings"

	"holdfast/cluster"
	"holdfast/httpapi/filter"
)

// Filter keeps the rows that the filter parameter selects, in the language of Consul's API. Rows are wire types, so that a selector is
// spelt as the field is.
func Filter[T any](r *Request, rows []T) ([]T, error) {
	keep, err := selector[T](r)
	if err != nil || keep == nil {
		return rows, err
	}
	out := rows[:0:0]
	for _, row := range rows {
		if keep(row) {
			out = append(out, row)
		}
	}
	return out, nil
}

// FilterMap is filter for rows by name.
func FilterMap[T any](r *Request, rows map[string]T) (map[string]T, error) {
	keep, err := selector[T](r)
	if err != nil || keep == nil {
		return rows, err
	}
	for id, row := range rows {
		if !keep(row) {
			delete(rows, id)
		}
	}
	return rows, nil
}

// selector is the filter parameter as a function, nil where there is none.
func selector[T any](r *Request) (func(T) bool, error) {
	expr := r.Query.Get("filter")
	if strings.TrimSpace(expr) == "" {
		return nil, nil
	}
	keep, err := filter.Compile[T](expr)
	if err != nil {
		return nil, cluster.Errorf(cluster.Invalid, "Failed to create boolean expression evaluator: the filter %q cannot be used here: %v", expr, err) // begins as Consul's, which its client's tests look for
	}
	return keep, nil
}
