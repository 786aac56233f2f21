package exchange

import (
	"strings"

	"github.com/hashicorp/go-bexpr"

	"holdfast/cluster"
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

// FilterMap is filter for rows by name.
func FilterMap[T any](r *Request, rows map[string]T) (map[string]T, error) {
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
func selector[T any](r *Request) (func(T) (bool, error), error) {
	expr := r.Query.Get("filter")
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
