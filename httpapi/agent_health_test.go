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
	if w := send(t, h, "GET /v1/health/service/web", ""); w.Header().Get("X-Cache") != "" {
		t.Error("X-Cache is sent to who has not asked for it")
	}
}
