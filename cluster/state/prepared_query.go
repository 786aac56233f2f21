package state

import "holdfast/cluster"

// putPreparedQuery creates a query, or changes it if it exists already. The same query once more is no error: a client may send a request again.
func (w *writer) putPreparedQuery(c *cluster.PutPreparedQuery) error {
	q := c.Query
	if err := q.Validate(); err != nil {
		return err
	}
	had := found[cluster.PreparedQuery](w.txn, tableQueries, nodeKey(q.ID))
	switch {
	case q.ID == "" || hasNUL(q.ID) || hasNUL(q.Name):
		return cluster.Errorf(cluster.Invalid, "the ID %q or the name %q of a prepared query is not usable: want a UUID, and a name without NUL characters", q.ID, q.Name)
	case c.Update && had == nil:
		return cluster.Errorf(cluster.NotFound, "Cannot modify non-existent prepared query: '%s'", q.ID)
	case !c.Update && had != nil && !had.Equal(&q):
		return cluster.Errorf(cluster.Conflict, "prepared query %q exists already: a new query needs a new ID", q.ID)
	}
	if err := w.queryNameIsFree(&q); err != nil {
		return err
	}
	if q.Session != "" {
		s := found[cluster.Session](w.txn, tableSessions, nodeKey(q.Session))
		if s == nil {
			return cluster.Errorf(cluster.Invalid, "invalid session %q: there is none with this ID", q.Session)
		}
		q.Session = s.ID
	}
	q.CreateIndex, q.ModifyIndex = w.index, w.index
	if had != nil {
		if q.ID = had.ID; had.Equal(&q) {
			return nil
		}
		q.CreateIndex = had.CreateIndex
	}
	w.unbury(tableQueries, nodeKey(q.ID))
	w.put(tableQueries, &q)
	w.touch(setQueries)
	return nil
}

// queryNameIsFree refuses a name by which another query is found: by its name, or by its ID, which is looked for first.
func (w *writer) queryNameIsFree(q *cluster.PreparedQuery) error {
	var other *cluster.PreparedQuery
	if q.Name != "" || q.IsTemplate() {
		other = first[cluster.PreparedQuery](w.txn, tableQueries, byName, below(foldedName(q)))
	}
	switch {
	case other != nil && !sameFold(other.ID, q.ID) && q.Name == "":
		return cluster.Errorf(cluster.Conflict, "a query template with an empty name already exists: %s", other.ID)
	case other != nil && !sameFold(other.ID, q.ID):
		return cluster.Errorf(cluster.Conflict, "name '%s' aliases an existing query name: that of %s", q.Name, other.ID)
	case q.Name != "" && found[cluster.PreparedQuery](w.txn, tableQueries, nodeKey(q.Name)) != nil:
		return cluster.Errorf(cluster.Conflict, "name '%s' aliases an existing query ID", q.Name)
	}
	return nil
}

func (w *writer) deletePreparedQuery(c *cluster.DeletePreparedQuery) error {
	q := found[cluster.PreparedQuery](w.txn, tableQueries, nodeKey(c.ID))
	if q == nil {
		return cluster.Errorf(cluster.NotFound, "Cannot delete non-existent prepared query: '%s'", c.ID)
	}
	w.endQuery(q)
	return nil
}

func (w *writer) endQuery(q *cluster.PreparedQuery) {
	w.remove(tableQueries, q)
	w.bury(tableQueries, nodeKey(q.ID))
	w.touch(setQueries)
}

// endQueriesOfSession deletes the queries that are bound to a session.
func (w *writer) endQueriesOfSession(s *cluster.Session) {
	for q := range each[cluster.PreparedQuery](w.txn, tableQueries, bySession, below(s.ID)) {
		w.endQuery(q)
	}
}
