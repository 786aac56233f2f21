package state

import (
	"slices"
	"strings"

	"holdfast/cluster"
)

// PreparedQueries is every prepared query in the order of the IDs.
func (v *View) PreparedQueries() []*cluster.PreparedQuery {
	v.r.askSet(setQueries)
	return slices.Collect(each[cluster.PreparedQuery](v.r.txn, tableQueries, byID, ""))
}

// PreparedQuery is the prepared query with this ID, nil where there is none.
func (v *View) PreparedQuery(id string) *cluster.PreparedQuery {
	q, _ := v.r.ask(tableQueries, nodeKey(id)).(*cluster.PreparedQuery)
	return q
}

// PreparedQueryByName is the prepared query that answers to a name: the one that is called so, else the template with the longest name
// that this one begins with; nil where there is neither.
func (v *View) PreparedQueryByName(name string) *cluster.PreparedQuery {
	v.r.askSet(setQueries)
	folded := strings.ToLower(name)
	if q := first[cluster.PreparedQuery](v.r.txn, tableQueries, byName, below(folded)); q != nil && name != "" {
		return q
	}
	var longest *cluster.PreparedQuery
	for q := range each[cluster.PreparedQuery](v.r.txn, tableQueries, byName, "") { // a prefix comes before what is longer
		if q.IsTemplate() && strings.HasPrefix(folded, foldedName(q)) {
			longest = q
		}
	}
	return longest
}

func foldedName(q *cluster.PreparedQuery) string { return strings.ToLower(q.Name) }
