package httpapi

import "testing"

func TestLocalHealth(t *testing.T) {
	m := newMember()
	talks(t, m.handler(), []talk{
		{"GET /v1/agent/health/service/id/a", "", 404, `{"AggregatedStatus":"critical","Service":null,"Checks":null}`},
		{"GET /v1/agent/health/service/name/web", "", 404, "[]"},
		{"GET /v1/agent/health/service/id/a?format=text", "", 404, "ServiceId a not found"},
		{"GET /v1/agent/health/service/name/web?format=text", "", 404, "ServiceName web Not Found"},
		{"PUT /v1/agent/service/register", `{"ID":"a","Name":"web","Check":{"TTL":"1m"}}`, 200, ""},
		{"PUT /v1/agent/service/register", `{"ID":"b","Name":"web"}`, 200, ""},
		{"GET /v1/agent/health/service/id/a?format=text", "", 503, "critical"},
		{"GET /v1/agent/health/service/id/b?format=text", "", 200, "passing"},
		{"GET /v1/agent/health/service/name/web?format=text", "", 503, "critical"},
		{"PUT /v1/agent/check/warn/service:a", "", 200, ""},
		{"GET /v1/agent/health/service/name/web?format=text", "", 429, "warning"},
		{"PUT /v1/agent/check/pass/service:a", "", 200, ""},
		{"GET /v1/agent/health/service/name/web", "", 200, `[{"AggregatedStatus":"passing","Service":{"ID":"a","Service":"web"…`},
		{"GET /v1/agent/health/service/id/a", "", 200, `{"AggregatedStatus":"passing","Service":{"ID":"a"…`},
		{"PUT /v1/agent/check/register", `{"Name":"disk","TTL":"1m"}`, 200, ""}, // of the node: it bears on every instance
		{"GET /v1/agent/health/service/id/b?format=text", "", 503, "critical"},
	})
}

// TestLocalHealthAccept holds that the header Accept asks for text where it begins with it, as load balancers send it.
func TestLocalHealthAccept(t *testing.T) {
	h := newMember().handler()
	send(t, h, "PUT /v1/agent/service/register", `{"ID":"a","Name":"web"}`)
	for _, tt := range []struct{ accept, path, want string }{
		{"text/plain", "id/a", "passing"},
		{"text/plain; q=0.9, */*", "name/web", "passing"},
		{"text/plain", "id/b?format=json", "ServiceId b not found"},
		{"*/*", "name/db", "[]"},
	} {
		if w := send(t, h, "GET /v1/agent/health/service/"+tt.path, "", "Accept", tt.accept); w.Body.String() != tt.want {
			t.Errorf("%s with Accept: %s answers %q, want %q", tt.path, tt.accept, w.Body, tt.want)
		}
	}
}

// TestLocalHealthReason holds that no name gets into the headers as it is.
func TestLocalHealthReason(t *testing.T) {
	w := send(t, newMember().handler(), "GET /v1/agent/health/service/id/a%0D%0AX-Evil:%201%C3%BC", "")
	if got := w.Header().Get("X-Consul-Reason"); got != "ServiceId a??X-Evil: 1? not found" {
		t.Errorf("the reason is %q", got)
	}
}

func TestCached(t *testing.T) {
	h := newMember().populate(t).handler()
	w := send(t, h, "GET /v1/health/service/web?cached", "")
	if w.Header().Get("X-Cache") != "HIT" || w.Header().Get("Age") != "0" {
		t.Errorf("with cached the headers are %v", w.Header())
	}
	for _, target := range []string{"/v1/health/service/web", "/v1/catalog/nodes?cached", "/v1/kv/a?cached"} {
		if w := send(t, h, "GET "+target, ""); w.Header().Get("X-Cache") != "" {
			t.Errorf("GET %s: X-Cache is sent to who has not asked for it, or with what Consul does not keep", target)
		}
	}
	talks(t, h, []talk{{"GET /v1/kv/a?cached&consistent", "", 400, "Cannot specify ?cached with ?consistent…"}})
}

// TestCachedWithoutLeader holds that what Consul's agent would have kept is there while there is no leader.
func TestCachedWithoutLeader(t *testing.T) {
	m := newMember().populate(t)
	h := m.handler()
	m.setLeader("")
	for _, target := range []string{"/v1/health/service/web?", "/v1/health/service/web?tag=v1&", "/v1/catalog/service/web?", "/v1/catalog/services?", "/v1/query/nearest-web/execute?"} {
		if w := send(t, h, "GET "+target, ""); w.Code != 500 || w.Body.String() != "No cluster leader" {
			t.Errorf("GET %s: %d %s", target, w.Code, w.Body)
		}
		w := send(t, h, "GET "+target+"cached", "")
		if got := w.Header(); w.Code != 200 || got.Get("X-Cache") != "HIT" || got.Get("X-Consul-KnownLeader") != "false" || got.Get("X-Consul-Effective-Consistency") != "leader" {
			t.Errorf("GET %scached: %d, %v", target, w.Code, got)
		}
	}
	if w := send(t, h, "GET /v1/catalog/nodes?cached", ""); w.Code != 500 {
		t.Errorf("catalog/nodes with cached: %d", w.Code)
	}
}
