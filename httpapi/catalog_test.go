package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
)

func TestCatalogRegister(t *testing.T) {
	m := newMember()
	h := m.handler()
	talks(t, h, []talk{
		{"PUT /v1/catalog/register", `{"Node":"ext","Address":"10.1.1.1","NodeMeta":{"k":"v"},"TaggedAddresses":{"lan":"10.1.1.1"},"Datacenter":"dc1",
			"Service":{"Service":"db","Tags":["a"],"Port":5432,"Meta":{"x":"y"},"Weights":{"Passing":3,"Warning":2},"EnableTagOverride":true},
			"Check":{"Name":"db up","Status":"passing","ServiceID":"db"},"Checks":[{"CheckID":"node","Name":"node","Status":"warning","Definition":{}}]}`, 200, "true"},
		{"PUT /v1/catalog/register", `{"Node":"ext","SkipNodeUpdate":true,"Service":{"ID":"db2","Service":"db"}}`, 200, "true"},
		{"GET /v1/catalog/services", "", 200, `{"db":["a"]}`},
	})
	v := m.store.View()
	if n := v.Node("ext"); n == nil || n.Address != "10.1.1.1" || n.Meta["k"] != "v" || n.Datacenter != "dc1" {
		t.Errorf("the node is %+v", n)
	}
	s := v.NodeService("ext", "db")
	want := &cluster.Service{
		Node: "ext", ID: "db", Name: "db", Tags: []string{"a"}, Port: 5432, Meta: map[string]string{"x": "y"}, Weights: cluster.Weights{Passing: 3, Warning: 2},
		EnableTagOverride: true, CreateIndex: 1, ModifyIndex: 1,
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	if w := v.NodeService("ext", "db2").Weights; w != cluster.DefaultWeights {
		t.Errorf("weights that are not given are %v", w)
	}
	checks := map[string]cluster.Status{}
	for _, c := range v.NodeChecks("ext") {
		checks[c.ID] = c.Status
	}
	if d := cmp.Diff(map[string]cluster.Status{"db up": cluster.Passing, "node": cluster.Warning}, checks); d != "" {
		t.Error(d)
	}
	talks(t, h, []talk{
		{"PUT /v1/catalog/deregister", `{"Node":"ext","CheckID":"node"}`, 200, "true"},
		{"PUT /v1/catalog/deregister", `{"Node":"ext","ServiceID":"db"}`, 200, "true"},
		{"GET /v1/catalog/services", "", 200, `{"db":[]}`},
		{"PUT /v1/catalog/deregister", `{"Node":"ext"}`, 200, "true"},
		{"GET /v1/catalog/nodes", "", 200, "[]"},
		{"GET /v1/catalog/services", "", 200, "{}"},
		{"PUT /v1/catalog/deregister", `{"Node":"unknown"}`, 200, "true"},
	})
}

// TestServicesInCapitals holds that a service is listed once for each way to write its name, and that each stands for all instances.
func TestServicesInCapitals(t *testing.T) {
	talks(t, newMember().handler(), []talk{
		{"PUT /v1/catalog/register", `{"Node":"a","Address":"10.1.1.1","Service":{"Service":"web","Tags":["x"]}}`, 200, "true"},
		{"PUT /v1/catalog/register", `{"Node":"b","Address":"10.1.1.2","Service":{"Service":"Web","Tags":["y","x"]}}`, 200, "true"},
		{"GET /v1/catalog/services", "", 200, `{"Web":["x","y"],"web":["x"]}`},
		{"GET /v1/catalog/services?filter=ServiceAddress==%22%22", "", 200, `{"Web":["x","y"],"web":["x"]}`},
		{"GET /v1/catalog/service/WEB?filter=Node==b", "", 200, `[{"ID":"","Node":"b"…`},
		{"PUT /v1/catalog/deregister", `{"Node":"b"}`, 200, "true"},
		{"GET /v1/catalog/services", "", 200, `{"web":["x"]}`},
	})
}

// TestCatalogKeepsWhatItDoesNotUse: localities and the objects of a service mesh come back as they were registered.
func TestCatalogKeepsWhatItDoesNotUse(t *testing.T) {
	h := newMember().handler()
	const node = `{"Node":"ext","Address":"10.1.1.1","CreateIndex":7,"ModifyIndex":9,"Locality":{"Region":"eu","Zone":"eu-1"},`
	talks(t, h, []talk{
		{"PUT /v1/catalog/register", node + `"Service":{"Service":"web-proxy","Kind":"connect-proxy","Locality":{"Region":"us","Zone":""},"Proxy": {"Mode": "transparent"},"Connect":{"Native":true}}}`, 200, "true"},
		{"PUT /v1/catalog/register", node + `"Service":{"Service":"plain","Proxy":{},"Connect":null}}`, 200, "true"},
		{"PUT /v1/catalog/register", node + `"Checks":[{"Name":"a","Definition": {"TCP":"1.1.1.1:80","Interval":"5s"}},{"Name":"b","Type":"mine","Definition":{"HTTP":"x"}},{"Name":"c","Definition":{}}]}`, 200, "true"},
		{"GET /v1/catalog/nodes", "", 200, `[{"ID":"","Node":"ext","Address":"10.1.1.1","Datacenter":"dc1","TaggedAddresses":{},"Meta":{},"Locality":{"Region":"eu","Zone":"eu-1"},"CreateIndex":1,"ModifyIndex":1}]`},
	})
	for target, want := range map[string]string{
		"/v1/catalog/service/web-proxy": `"ServiceProxy":{"Mode":"transparent"},"ServiceConnect":{"Native":true},"ServiceLocality":{"Region":"us","Zone":""}`,
		"/v1/health/node/ext":           `"Type":"tcp","Interval":"","Timeout":"","ExposedPort":0,"Definition":{"TCP":"1.1.1.1:80","Interval":"5s"},`,
		"/v1/health/state/critical":     `"Type":"mine","Interval":"","Timeout":"","ExposedPort":0,"Definition":{"HTTP":"x"},`,
		"/v1/health/state/any":          `"Type":"","Interval":"","Timeout":"","ExposedPort":0,"Definition":{},`,
		"/v1/catalog/service/plain":     `"ServiceProxy":{},"ServiceConnect":{},"CreateIndex"`,
		"/v1/health/service/web-proxy":  `"Proxy":{"Mode":"transparent"},"Connect":{"Native":true},"Locality":{"Region":"us","Zone":""}`,
	} {
		if got := send(t, h, "GET "+target, "").Body.String(); !strings.Contains(got, want) {
			t.Errorf("GET %s: %s, want in it %s", target, got, want)
		}
	}
}

func TestCatalogRefuses(t *testing.T) {
	talks(t, newMember().handler(), []talk{
		{"PUT /v1/catalog/register", `{"Node":"n"}`, 400, "Must provide address…"},
		{"PUT /v1/catalog/register", `{"Address":"10.0.0.1"}`, 400, "Must provide node name…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","Service":{"ID":"x"}}`, 400, "Must provide service name…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","Service":{"Service":"x","Address":"0.0.0.0"}}`, 400, "Invalid service address…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","Service":{"Service":"x","Address":"[::]"}}`, 400, "Invalid service address…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","Check":{"Name":"c","Definition":{"Interval":"soon"}}}`, 400, `Request decode failed: invalid duration "soon"…`},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","Check":{"Name":"c","Status":"fine"}}`, 400, `check "c" has status "fine"…`},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","Check":{"Name":"c","ServiceID":"none"}}`, 400, `unknown service ID "none"…`},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","Datacenter":"dc2"}`, 500, "No path to datacenter…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","ID":"n-1"}`, 400, "Bad node ID…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a","ID":"{01234567-89ab-cdef-0123-456789abcdef}"}`, 400, "Bad node ID…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Addr":"a"}`, 400, `Request decode failed: unknown field "Addr"`},
		{"PUT /v1/catalog/register", ``, 400, "Request decode failed: the body is empty…"},
		{"PUT /v1/catalog/register", `{`, 400, "Request decode failed: unexpected EOF"},
		{"PUT /v1/catalog/register", `[]`, 400, "Request decode failed: cannot unmarshal array…"},
		{"PUT /v1/catalog/register", `{"Node":"n","Address":"a"}{}`, 400, "Request decode failed: there is more after the JSON value"},
		{"PUT /v1/catalog/register", `{"Node":7}`, 400, "Request decode failed: cannot unmarshal number…"},
		{"PUT /v1/catalog/register", strings.Repeat(" ", 1<<20+1), 413, "the body has…"},
		{"PUT /v1/catalog/deregister", `{}`, 400, "Must provide node…"},
		{"PUT /v1/catalog/deregister", `{"Node":"n","Datacenter":"dc2"}`, 500, "No path to datacenter…"},
	})
}

// names lists a field of the rows of an answer.
func names(t *testing.T, w *httptest.ResponseRecorder, path ...string) []string {
	t.Helper()
	var rows []map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	out := []string{}
	for _, row := range rows {
		for _, p := range path[:len(path)-1] {
			row = row[p].(map[string]any)
		}
		out = append(out, row[path[len(path)-1]].(string))
	}
	return out
}

// TestNear holds the order that near asks for, and that nobody is asked to wait for another.
func TestNear(t *testing.T) {
	m := newMember().populate(t)
	for name, addr := range map[string]string{"n3": "192.0.2.1", "n4": "10.0.0.4"} { // 192.0.2.1 is where the tests ask from
		m.apply(t, &cluster.Register{
			Node:    cluster.Node{Name: name, Address: addr},
			Service: &cluster.Service{ID: "web", Name: "web"},
			Checks:  []*cluster.Check{{ID: "service:web", Name: "c", Status: cluster.Warning, ServiceID: "web"}},
		})
	}
	m.apply(t, coordinates("n3", 0.009))
	h := m.handler()
	for _, c := range []struct {
		target  string
		headers []string
		want    string
	}{
		{"/v1/catalog/nodes", nil, "n1 n2 n3 n4"},
		{"/v1/catalog/nodes?near=_agent", nil, "n1 n3 n2 n4"},
		{"/v1/catalog/nodes?near=N2", nil, "n2 n3 n1 n4"},
		{"/v1/catalog/nodes?near=n4", nil, "n1 n2 n3 n4"},
		{"/v1/catalog/nodes?near=none", nil, "n1 n2 n3 n4"},
		{"/v1/catalog/nodes?near=", nil, "n1 n2 n3 n4"},
		{"/v1/catalog/nodes?near=_ip", nil, "n3 n2 n1 n4"},
		{"/v1/catalog/nodes?near=_ip", []string{"X-Forwarded-For", "10.0.0.2, 10.0.0.9"}, "n2 n3 n1 n4"},
		{"/v1/catalog/nodes?near=_ip", []string{"X-Forwarded-For", "unknown"}, "n3 n2 n1 n4"},
		{"/v1/catalog/nodes?near=_ip", []string{"X-Forwarded-For", "10.0.0.77"}, "n1 n2 n3 n4"},
		{"/v1/catalog/service/web?near=n2", nil, "n2 n3 n1 n4"},
		{"/v1/health/checks/web?near=n3", nil, "n3 n2 n1 n4"},
		{"/v1/health/state/any?near=n2", nil, "n2 n3 n1 n1 n4"},
		{"/v1/health/state/warning?near=n3", nil, "n3 n2 n4"},
	} {
		got := strings.Join(names(t, send(t, h, "GET "+c.target, "", c.headers...), "Node"), " ")
		if got != c.want {
			t.Errorf("GET %s %v: %s, want %s", c.target, c.headers, got, c.want)
		}
	}
	for target, want := range map[string]string{"/v1/health/service/web?near=n3": "n3 n2 n1 n4", "/v1/health/service/web?near=n3&passing": "n1", "/v1/health/service/web": "n1 n2 n3 n4"} {
		if got := strings.Join(names(t, send(t, h, "GET "+target, ""), "Node", "Node"), " "); got != want {
			t.Errorf("GET %s: %s, want %s", target, got, want)
		}
	}
}

func TestSelect(t *testing.T) {
	h := newMember().populate(t).handler()
	for _, c := range []struct {
		target string
		field  []string
		want   []string
	}{
		{"/v1/catalog/nodes", []string{"Node"}, []string{"n1", "n2"}},
		{"/v1/catalog/nodes?node-meta=rack:r1", []string{"Node"}, []string{"n1"}},
		{"/v1/catalog/nodes?node-meta=rack:r1&node-meta=x:y", []string{"Node"}, []string{}},
		{"/v1/catalog/nodes?node-meta=x", []string{"Node"}, []string{}}, // nobody has it, empty or not
		{"/v1/catalog/nodes?node-meta=", []string{"Node"}, []string{}},
		{"/v1/catalog/nodes?near=_agent&cached", []string{"Node"}, []string{"n1", "n2"}},
		{"/v1/catalog/nodes?filter=Meta.rack+==+r1", []string{"Node"}, []string{"n1"}},
		{"/v1/catalog/service/web", []string{"ServiceID"}, []string{"web-1", "web"}},
		{"/v1/catalog/service/WEB", []string{"ServiceID"}, []string{"web-1", "web"}},
		{"/v1/catalog/service/web?tag=primary", []string{"ServiceID"}, []string{"web-1"}},
		{"/v1/catalog/service/web?tag=v1&tag=PRIMARY", []string{"ServiceID"}, []string{"web-1"}},
		{"/v1/catalog/service/web?tag=v1&tag=v2", []string{"ServiceID"}, []string{}},
		{"/v1/catalog/service/web?tag=", []string{"ServiceID"}, []string{"web-1", "web"}},
		{"/v1/catalog/service/web?node-meta=rack:r1", []string{"ServiceID"}, []string{"web-1"}},
		{"/v1/catalog/service/web?filter=v1+in+ServiceTags", []string{"ServiceID"}, []string{"web-1"}},
		{"/v1/health/service/web", []string{"Service", "ID"}, []string{"web-1", "web"}},
		{"/v1/health/service/web?passing", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?passing=true", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?passing=false", []string{"Service", "ID"}, []string{"web-1", "web"}},
		{"/v1/health/service/web?tag=v1", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?filter=Service.Port+==+81", []string{"Service", "ID"}, []string{"web"}},
		{"/v1/health/service/web?filter=Service.Meta.a+==+b", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?filter=Checks.Status+==+warning", []string{"Service", "ID"}, []string{"web"}},
		{"/v1/health/service/web?filter=Checks.Status+!=+warning", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?filter=all+Checks+as+c+{c.Status==passing}", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?filter=%22v1%22+in+Service.Tags", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?filter=Node.Meta[%22rack%22]+==+r1", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?filter=Service.TaggedAddresses.lan.Port+==+80", []string{"Service", "ID"}, []string{"web-1"}},
		{"/v1/health/service/web?filter=Service.Connect.Native+==+false", []string{"Service", "ID"}, []string{"web-1", "web"}},
		{"/v1/catalog/service/web?filter=ServiceTaggedAddresses.lan.Address+!=+x", []string{"ServiceID"}, []string{"web-1", "web"}},
		{"/v1/catalog/service/web?filter=ServiceProxy.DestinationServiceName+==+web", []string{"ServiceID"}, []string{}},
		{"/v1/catalog/service/web?filter=ServiceMeta.a+==+b+and+NodeMeta.rack+==+r1", []string{"ServiceID"}, []string{"web-1"}},
		{"/v1/health/state/any", []string{"CheckID"}, []string{"serfHealth", "service:web-1", "service:web"}},
		{"/v1/health/state/unknown", []string{"CheckID"}, []string{}},
		{"/v1/health/state/passing?node-meta=rack:r1", []string{"CheckID"}, []string{"serfHealth", "service:web-1"}},
		{"/v1/health/state/any?filter=Status+==+warning", []string{"CheckID"}, []string{"service:web"}},
		{"/v1/health/checks/web?node-meta=rack:r2", []string{"CheckID"}, []string{}},
		{"/v1/health/node/" + nodeID, []string{"CheckID"}, []string{"serfHealth", "service:web-1"}},
		{"/v1/agent/members?filter=Name+==+n2", []string{"Name"}, []string{"n2"}},
	} {
		if got := names(t, send(t, h, "GET "+c.target, ""), c.field...); !cmp.Equal(got, c.want) {
			t.Errorf("GET %s: %q, want %q", c.target, got, c.want)
		}
	}
	talks(t, h, []talk{
		{"GET /v1/catalog/services?node-meta=rack:r1", "", 200, `{"web":["Primary","v1"]}`},
		{"GET /v1/catalog/services?filter=ServiceName+==+none", "", 200, `{}`},
		{"GET /v1/agent/services?filter=Port+==+81", "", 200, `{}`},
		{"GET /v1/agent/checks?filter=Status+==+passing", "", 200, `{}`},
		{"GET /v1/catalog/node/" + nodeID, "", 200, `{"Node":{"ID":"` + nodeID + `"…`},
		{"GET /v1/health/state/fine", "", 400, `there is no check state "fine"…`},
		{"GET /v1/health/service/web?filter=(", "", 400, `Failed to create boolean expression evaluator: the filter "(" cannot be used here…`},
		{"GET /v1/health/service/web?filter=No.Such+==+x", "", 400, `Failed to create boolean expression evaluator: the filter "No.Such == x" cannot be used here: selector "No.Such" is not valid: there is no No, but Checks, Node, Service`},
		{"GET /v1/health/service/none?filter=No.Such+==+x", "", 400, `Failed to create boolean expression evaluator: the filter "No.Such == x" cannot be used here…`},
		{"GET /v1/agent/checks?filter=nope+==+x", "", 400, `Failed to create boolean expression evaluator: the filter "nope == x"…`},
		{"GET /v1/health/service/web?filter=Checks+==+x", "", 400, `Failed to create boolean expression evaluator: the filter "Checks == x" cannot be used here: the operator "equal" does not go with "Checks", which is a list`},
		{"GET /v1/agent/services?filter=(", "", 400, `Failed to create boolean expression evaluator: the filter "("…`},
	})
}

// TestFilterCost holds that no filter keeps the agent busy.
func TestFilterCost(t *testing.T) {
	h := newMember().populate(t).handler()
	begin := time.Now()
	talks(t, h, []talk{
		{"GET /v1/catalog/nodes?filter=" + strings.Repeat("(", 500) + "Node==n1" + strings.Repeat(")", 500), "", 400, "Failed to create boolean expression evaluator: the filter…"},
		{"GET /v1/catalog/nodes?filter=" + strings.Repeat("not+", 500) + "Node==n1", "", 200, "[{…"},
		{"GET /v1/catalog/nodes?filter=Node==x" + strings.Repeat("+or+Node==x", 50), "", 200, "[]"},
	})
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("three filters took %s", took)
	}
}

// FuzzCatalogRegister holds that no body makes the API panic or half-apply.
func FuzzCatalogRegister(f *testing.F) {
	for _, b := range []string{
		`{"Node":"n","Address":"a","Service":{"Service":"s","Weights":null},"Checks":[null]}`, `{"Node":"n","Address":"a","Check":{"Name":"c"}}`, `{"Node":"\u0000"}`, `null`, `[]`, `{"WriteRequest":{"Token":"x"}}`,
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := newMember()
		w := send(t, m.handler(), "PUT /v1/catalog/register", body)
		if w.Code != 200 && w.Code != 400 && w.Code != 500 && w.Code != 409 {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if w.Code != 200 && len(m.store.View().Nodes()) > 0 {
			t.Fatalf("%q was refused and left a node", body)
		}
		if strings.Contains(w.Body.String(), "the agent failed") {
			t.Fatalf("%q makes the API panic", body)
		}
	})
}

func BenchmarkHealthService(b *testing.B) {
	m := newMember().populate(b)
	for i := range 20 {
		name := fmt.Sprintf("m%d", i)
		m.apply(b, &cluster.Register{
			Node: cluster.Node{Name: name, Address: "10.0.1.1", Datacenter: "dc1", Meta: map[string]string{"a": "b"}}, Service: &cluster.Service{ID: "web", Name: "web", Port: 80},
			Checks: []*cluster.Check{{ID: "serfHealth", Name: "s", Status: cluster.Passing}, {ID: "web", Name: "w", Status: cluster.Passing, ServiceID: "web"}},
		})
	}
	h := m.handler()
	b.ReportAllocs()
	for b.Loop() {
		if w := send(b, h, "GET /v1/health/service/web?passing", ""); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
