package prepared

import (
	"holdfast/cluster"
	"holdfast/cluster/state"
)

// ErrNotFound says that no query answers to a name or ID. Its text is Consul's.
var ErrNotFound = &cluster.Error{Code: cluster.NotFound, Message: "Query not found"}

// Check says in one sentence what is wrong with a query before it is stored, or returns nil.
func Check(q *cluster.PreparedQuery) error {
	if err := q.Validate(); err != nil || !q.IsTemplate() {
		return err
	}
	_, err := Compile(q)
	return err
}

// Resolve is the query that answers to an ID or a name, filled in for it if it is a template.
func Resolve(v *state.View, idOrName string) (*cluster.PreparedQuery, error) {
	if q := v.PreparedQuery(idOrName); q != nil {
		if q.IsTemplate() {
			return nil, cluster.Errorf(cluster.Invalid, "prepared query templates can only be resolved up by name, not by ID")
		}
		return q, nil
	}
	q := v.PreparedQueryByName(idOrName)
	if q == nil || idOrName == "" {
		return nil, ErrNotFound
	}
	if !q.IsTemplate() {
		return q, nil
	}
	t, err := Compile(q)
	if err != nil {
		return nil, err
	}
	return t.Render(idOrName), nil
}
