package prepared

import (
	"strings"
	"testing"

	"holdfast/cluster"
)

func put(id, name, service string, isTemplate bool) *cluster.PutPreparedQuery {
	q := cluster.PreparedQuery{ID: id, Name: name, Service: cluster.QueryService{Service: service}}
	if isTemplate {
		q.Template.Type = cluster.TemplateByPrefix
	}
	return &cluster.PutPreparedQuery{Query: q}
}

func TestResolve(t *testing.T) {
	v := view(
		t,
		put("id-1", "fixed", "web", false),
		put("id-2", "geo-", "<${name.suffix}>", true),
		put("id-3", "geo-db-", "db ${name.full}", true),
		put("id-4", "broken-", "${nothing}", true), // of a version that knows more
	)
	for idOrName, want := range map[string]string{
		"id-1": "id-1 web", "ID-1": "id-1 web", "fixed": "id-1 web", "FIXED": "id-1 web",
		"geo-x": "id-2 <x>", "geo-": "id-2 <>", "GEO-X": "id-2 <X>", "geo-db": "id-2 <db>", "geo-db-1": "id-3 db geo-db-1",
		"geo": "Query not found", "": "Query not found", "fixed-": "Query not found",
		"id-2":     "prepared query templates can only be resolved up by name, not by ID",
		"broken-1": "failed compiling template",
	} {
		q, err := Resolve(v, idOrName)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = q.ID + " " + q.Service.Service
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", idOrName, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for want, q := range map[string]cluster.PreparedQuery{
		"":                              put("q", "geo", "${is no template}", false).Query,
		"Must provide a Service name":   put("q", "geo", "", false).Query,
		"there is no variable \"nope\"": put("q", "geo", "${nope}", true).Query,
	} {
		if err := Check(&q); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
