package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/prepared"
)

const (
	nearestWeb = "00000000-0000-0000-0000-00000000000b"
	anyService = "00000000-0000-0000-0000-00000000000c"
)

// TestPreparedQueryLife creates a query, reads, changes and deletes it.
func TestPreparedQueryLife(t *testing.T) {
	const id = "00000000-0000-0000-0000-000000000001"
	body := `{"ID":"` + id + `","Name":"geo","Session":"","Token":"t","Template":{"Type":"","Regexp":"","RemoveEmptyTags":false},` +
		`"Service":{"Service":"web","Failover":{"NearestN":3,"Datacenters":["dc2","dc3"]},"OnlyPassing":true,"IgnoreCheckIDs":["c"],"Near":"n2","Tags":["a","!b"],` +
		`"NodeMeta":{"rack":"r1"},"ServiceMeta":{"a":"b"},"Connect":false},"DNS":{"TTL":"10s"}`
	talks(t, newMember().populate(t).handler(), []talk{
		{"POST /v1/query", `{"Name":"geo","Service":{"Service":"web"}}`, 200, `{"ID":"` + id + `"}`},
		{"GET /v1/query/" + id, "", 200, `[{"ID":"` + id + `","Name":"geo","Session":"","Token":"","Template":{"Type":"","Regexp":"","RemoveEmptyTags":false},"Service":{"Service":"web","Failover":{"NearestN":0,"Datacenters":null}…`},
		{"PUT /v1/query/" + strings.ToUpper(id), body + `,"CreateIndex":3,"ModifyIndex":4}`, 200, ""},
		{"GET /v1/query/" + id, "", 200, "[" + body + `…`},
		{"GET /v1/query/GEO/execute", "", 200, `{"Service":"web","Nodes":[],"DNS":{"TTL":"10s"},"Datacenter":"dc1","Failovers":0,"Index":0,"LastContact":12000000,"KnownLeader":true,"ConsistencyLevel":"leader"}`},
		{"DELETE /v1/query/" + id, "", 200, ""},
		{"GET /v1/query/" + id, "", 404, "Query not found"},
		{"GET /v1/query/geo/execute", "", 404, "Query not found"},
		{"GET /v1/query/geo/explain", "", 404, "Query not found"},
		{"DELETE /v1/query/" + id, "", 404, "Cannot delete non-existent prepared query…"},
		{"PUT /v1/query/" + id, `{"Name":"geo","Service":{"Service":"web"}}`, 404, "Cannot modify non-existent prepared query: '" + id + "'"},
	})
}

func TestPreparedQueryRefuses(t *testing.T) {
	h := newMember().populate(t).handler()
	var list []talk
	for body, want := range map[string]string{
		``:  "400 Request decode failed: the body is empty…",
		`{`: "400 Request decode failed…",
		`{"Name":"a","Foo":1,"Service":{"Service":"web"}}`: `400 Request decode failed: unknown field "Foo"`,
		`{"Name":"a"}`:                                                                                               "400 Invalid prepared query: Must provide a Service name to query…",
		`{"Service":{"Service":"web"}}`:                                                                              "400 Invalid prepared query: Must be bound to a session…",
		`{"ID":"x","Name":"a","Service":{"Service":"web"}}`:                                                          "400 ID must be empty when creating a new prepared query…",
		`{"Name":"a","Token":"<hidden>","Service":{"Service":"web"}}`:                                                "400 Invalid prepared query: Bad Token '<hidden>'…",
		`{"Name":"Nearest-Web","Service":{"Service":"web"}}`:                                                         "409 name 'Nearest-Web' aliases an existing query name…",
		`{"Name":"` + nearestWeb + `","Service":{"Service":"web"}}`:                                                  "409 name '" + nearestWeb + "' aliases an existing query ID",
		`{"Name":"a","Session":"none","Service":{"Service":"web"}}`:                                                  `500 invalid session "none"…`,
		`{"Name":"a","Service":{"Service":"web","Failover":{"NearestN":-1}}}`:                                        "400 Invalid prepared query: Bad NearestN '-1', must be >= 0",
		`{"Name":"a","Service":{"Service":"web"},"DNS":{"TTL":"x"}}`:                                                 "400 Invalid prepared query: Bad DNS TTL 'x'…",
		`{"Name":"a","Template":{"Type":"x"},"Service":{"Service":"web"}}`:                                           "400 Invalid prepared query: Bad Template.Type 'x'…",
		`{"Name":"a","Template":{"Type":"name_prefix_match","Regexp":"("},"Service":{"Service":"web"}}`:              "400 failed compiling template: Bad Regexp…",
		`{"Name":"a","Template":{"Type":"name_prefix_match"},"Service":{"Service":"${nope}"}}`:                       `400 failed compiling template: Bad format '${nope}' in Service.Service: there is no variable "nope"…`,
		`{"Name":"a","Service":{"Service":"web","Connect":true}}`:                                                    "501 Service.Connect asks for the service mesh…",
		`{"Name":"a","Service":{"Service":"web","Peer":"p"}}`:                                                        "501 Service.Peer asks for cluster peering…",
		`{"Name":"a","Service":{"Service":"web","SamenessGroup":"g"}}`:                                               "501 Service asks with Namespace, Partition or SamenessGroup…",
		`{"Name":"a","Service":{"Service":"web","Failover":{"Targets":[{"Datacenter":"dc2"},{"Peer":"p"}]}}}`:        "501 Service.Failover.Targets[1].Peer asks for cluster peering…",
		`{"Name":"a","Service":{"Service":"web","Failover":{"Targets":[{"Partition":"p"}]}}}`:                        "501 Service.Failover.Targets[0] asks…",
		`{"Name":"a","Service":{"Service":"web","Failover":{"NearestN":1,"Targets":[{"Datacenter":"dc2"}]}}}`:        "400 Invalid prepared query: Failover.Targets cannot…",
		`{"Name":"a","Datacenter":"dc2","Service":{"Service":"web"}}`:                                                "500 No path to datacenter…",
		`{"Name":"a","Service":{"Service":"web","NodeMeta":{"":"x"}}}`:                                               "400 Invalid prepared query: Invalid filter metadata…",
		`{"Name":"` + strings.Repeat("x", 1<<20) + `","Service":{"Service":"web"}}`:                                  "413 the body has…",
		`{"Name":"b","Namespace":"default","Service":{"Service":"web","Partition":"default","Namespace":"default"}}`: "200 {…",
	} {
		var status int
		_, err := fmt.Sscanf(want, "%d", &status)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, talk{"POST /v1/query", body, status, want[4:]})
	}
	talks(t, h, list)
	talks(t, h, []talk{
		{"PUT /v1/query/" + nearestWeb, `{"Name":"any-","Service":{"Service":"web"}}`, 409, "name 'any-' aliases an existing query name…"},
		{"PUT /v1/query/" + nearestWeb, `{"Name":"x"}`, 400, "Invalid prepared query: Must provide a Service name…"},
		{"PUT /v1/query/", `{}`, 400, "Missing prepared query ID…"},
		{"GET /v1/query/" + anyService + "/execute", "", 400, "prepared query templates can only be resolved up by name, not by ID"},
		{"GET /v1/query/nearest-web/execute?limit=x", "", 400, "Bad limit: limit=x is not a number"},
		{"GET /v1/query/nearest-web/execute?connect=true", "", 501, "the parameter connect asks for the service mesh…"},
		{"GET /v1/query/nearest-web/execute?connect=perhaps", "", 400, "the parameter connect=perhaps…"},
		{"GET /v1/query/nearest-web/execute?dc=dc2", "", 500, "No path to datacenter…"},
		{"GET /v1/query//execute", "", 404, "Query not found"},
	})
}

// TestPreparedQueryExecute holds which instances come in which order.
func TestPreparedQueryExecute(t *testing.T) {
	m := newMember().populate(t)
	m.apply(t, &cluster.Register{Node: cluster.Node{Name: "n3", Address: "192.0.2.1"}, Service: &cluster.Service{ID: "web", Name: "web"}}, coordinates("n3", 0.020))
	h := m.handler()
	for target, want := range map[string]string{
		"/v1/query/nearest-web/execute":                                "n1 n2 n3",
		"/v1/query/" + nearestWeb + "/execute":                         "n1 n2 n3",
		"/v1/query/NEAREST-web/execute?limit=2":                        "n1 n2",
		"/v1/query/nearest-web/execute?limit=0":                        "n1 n2 n3",
		"/v1/query/nearest-web/execute?limit=-1":                       "n1 n2 n3",
		"/v1/query/nearest-web/execute?near=n3":                        "n3 n2 n1",
		"/v1/query/nearest-web/execute?near=_ip":                       "n3 n2 n1", // the tests ask from there
		"/v1/query/any-web/execute":                                    "n1",
		"/v1/query/ANY-WEB/execute":                                    "", // its expression says any-
		"/v1/query/any-none/execute?cached&stale":                      "",
		"/v1/query/nearest-web/execute?index=1000&wait=1m&near=_agent": "n1 n2 n3", // it does not block
	} {
		w := send(t, h, "GET "+target, "")
		if got := strings.Join(nodesOf(t, w), " "); w.Code != 200 || got != want {
			t.Errorf("GET %s: %d, %q, want %q", target, w.Code, got, want)
		}
	}
}

// nodesOf is the nodes in the answer of an execution.
func nodesOf(t *testing.T, w *httptest.ResponseRecorder) (names []string) {
	t.Helper()
	var result struct {
		Nodes []struct{ Node struct{ Node string } }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for _, n := range result.Nodes {
		names = append(names, n.Node.Node)
	}
	return names
}

// FuzzPreparedQuery holds that no body makes the API panic, and that what it takes can be executed and shown.
func FuzzPreparedQuery(f *testing.F) {
	for _, b := range []string{
		`{"Name":"a","Service":{"Service":"web","Tags":["!x"],"Failover":{"NearestN":1,"Datacenters":["dc2"]}},"DNS":{"TTL":"1s"}}`,
		`{"Name":"","Template":{"Type":"name_prefix_match","Regexp":"(.)"},"Service":{"Service":"${match(1)}","NodeMeta":{"a":"${name.full}"}}}`,
		`{"Session":"00000000-0000-0000-0000-00000000000a","Service":{"Service":"web"}}`, `null`, `[]`, `{"Service":null,"Name":"\u0000"}`,
	} {
		f.Add(b, "a")
	}
	f.Fuzz(func(t *testing.T, body, name string) {
		m := newMember().populate(t)
		h := m.handler()
		before := len(m.store.View().PreparedQueries())
		w := send(t, h, "POST /v1/query", body)
		if strings.Contains(w.Body.String(), "the agent failed") {
			t.Fatalf("%q makes the API panic", body)
		}
		if after := len(m.store.View().PreparedQueries()); (after > before) != (w.Code == 200) {
			t.Fatalf("%q: status %d and %d queries, %d before", body, w.Code, after, before)
		}
		v := m.store.View()
		if q, err := prepared.Resolve(v, name); err == nil {
			prepared.Execute(v, q, prepared.Options{Near: "n1"})
		}
		if w := send(t, h, "GET /v1/query", ""); w.Code != 200 {
			t.Fatalf("%q: the list answers %d %s", body, w.Code, w.Body)
		}
	})
}
