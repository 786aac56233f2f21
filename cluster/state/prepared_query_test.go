package state

import (
	"testing"

	"holdfast/cluster"
)

func putQuery(id, name, session string) *cluster.PutPreparedQuery {
	return &cluster.PutPreparedQuery{Query: cluster.PreparedQuery{ID: id, Name: name, Session: session, Service: cluster.QueryService{Service: "web"}}}
}

func updateQuery(id, name, session string) *cluster.PutPreparedQuery {
	c := putQuery(id, name, session)
	c.Update = true
	return c
}

func template(id, name string) *cluster.PutPreparedQuery {
	c := putQuery(id, name, "")
	c.Query.Template.Type = cluster.TemplateByPrefix
	return c
}

func TestPutPreparedQuery(t *testing.T) {
	w := settled(t)
	created := w.View().PreparedQuery("q1").CreateIndex
	w.do(putQuery("q1", "geo-x", "")) // a client may send a request twice
	change := updateQuery("Q1", "other", "S1")
	change.Query.DNS.TTL = "10s"
	w.do(change)
	q := w.View().PreparedQuery("q1")
	if q.ID != "q1" || q.Name != "other" || q.Session != "s1" || q.CreateIndex != created || q.ModifyIndex != w.index {
		t.Errorf("changed query %+v", q)
	}
	if w.View().PreparedQueryByName("geo-x") != nil || w.View().PreparedQueryByName("OTHER") == nil {
		t.Error("it is found by its former name, or not by its new one")
	}
}

func TestPreparedQueryRefuses(t *testing.T) {
	w := settled(t)
	w.do(template("q2", ""))
	w.do(template("q3", "geo-"))
	invalid := putQuery("q9", "a", "")
	invalid.Query.Service.Service = ""
	w.refused(invalid, cluster.Invalid, "Must provide a Service name to query")
	w.refused(putQuery("", "a", ""), cluster.Invalid, `the ID ""`)
	w.refused(putQuery("q9", "a\x00", ""), cluster.Invalid, "NUL")
	w.refused(putQuery("q1", "elsewhere", ""), cluster.Conflict, `prepared query "q1" exists already`)
	w.refused(updateQuery("q9", "a", ""), cluster.NotFound, "Cannot modify non-existent prepared query: 'q9'")
	w.refused(putQuery("q9", "GEO-X", ""), cluster.Conflict, "name 'GEO-X' aliases an existing query name")
	w.refused(template("q9", "Geo-"), cluster.Conflict, "name 'Geo-' aliases an existing query name")
	w.refused(template("q9", ""), cluster.Conflict, "a query template with an empty name already exists")
	w.refused(putQuery("q9", "Q1", ""), cluster.Conflict, "name 'Q1' aliases an existing query ID")
	w.refused(updateQuery("q1", "geo-", ""), cluster.Conflict, "name 'geo-' aliases")
	w.refused(putQuery("q9", "a", "none"), cluster.Invalid, `invalid session "none"`)
	w.refused(&cluster.DeletePreparedQuery{ID: "q9"}, cluster.NotFound, "Cannot delete non-existent prepared query: 'q9'")
}

func TestQueryEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]cluster.Command{
		"destroyed":                    &cluster.SessionDestroy{ID: "s1"},
		"its check is critical":        nodeCheck("n1", cluster.SerfHealth, cluster.Critical),
		"its node goes":                &cluster.Deregister{Node: "n1"},
		"destroyed in different cases": &cluster.SessionDestroy{ID: "S1"},
	} {
		w := settled(t)
		w.do(putQuery("q2", "", "S1"))
		w.do(putQuery("q3", "named", "s1"))
		w.do(end)
		if left := w.View().PreparedQueries(); len(left) != 1 || left[0].ID != "q1" {
			t.Errorf("%s: queries %+v are left", name, left)
		}
	}
}

func TestPreparedQueryByName(t *testing.T) {
	w := newWorld(t)
	for _, c := range []*cluster.PutPreparedQuery{
		template("t1", "geo-"), template("t2", "geo-db-"), template("t3", "x"), putQuery("q1", "geo-db-1", ""), putQuery("q2", "xy", ""), template("t4", "ÄB-"),
	} {
		w.do(c)
	}
	found := func(name string) string {
		if q := w.View().PreparedQueryByName(name); q != nil {
			return q.ID
		}
		return ""
	}
	for name, want := range map[string]string{
		"geo-db-1": "q1", "GEO-DB-1": "q1", "geo-db-2": "t2", "Geo-dB-2": "t2", "geo-db-": "t2", "geo-db": "t1", "geo-": "t1", "geo": "", "": "", "xy": "q2", "xyz": "t3",
		"äb-1": "t4", "äb": "", "unknown": "",
	} {
		if got := found(name); got != want {
			t.Errorf("%q is answered by %q, want %q", name, got, want)
		}
	}
	w.do(template("t0", ""))
	for name, want := range map[string]string{"unknown": "t0", "geo-1": "t1", "": "t0"} {
		if got := found(name); got != want {
			t.Errorf("with a template for all, %q is answered by %q, want %q", name, got, want)
		}
	}
}

func TestNamelessQueryIsFoundByIDAlone(t *testing.T) {
	w := settled(t)
	w.do(putQuery("q2", "", "s1"))
	w.do(putQuery("q3", "", "s1"))
	if q := w.View().PreparedQueryByName(""); q != nil {
		t.Errorf("the empty name is answered by %+v", q)
	}
	if w.View().PreparedQuery("Q2") == nil {
		t.Error("it is not found by its ID")
	}
}
