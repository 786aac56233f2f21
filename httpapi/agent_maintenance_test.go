package httpapi

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMaintenance(t *testing.T) {
	m := newMember()
	h := m.handler()
	talks(t, h, []talk{
		{"PUT /v1/agent/service/register", `{"ID":"a/1","Name":"web"}`, 200, ""},
		{"PUT /v1/agent/service/register", `{"ID":"b","Name":"web"}`, 200, ""},
		{"PUT /v1/agent/service/maintenance/a/1?enable=true&reason=new%20disk&token=t", "", 200, ""},
		{"GET /v1/agent/health/service/id/a/1?format=text", "", 503, "maintenance"},
		{"GET /v1/agent/health/service/id/a/1", "", 503, `{"AggregatedStatus":"maintenance"…`},
		{"GET /v1/agent/health/service/id/b?format=text", "", 200, "passing"},
		{"GET /v1/agent/health/service/name/web?format=text", "", 503, "maintenance"},
		{"PUT /v1/agent/service/maintenance/a/1?enable=false", "", 200, ""},
		{"GET /v1/agent/health/service/name/web?format=text", "", 200, "passing"},
		{"PUT /v1/agent/maintenance?enable=1", "", 200, ""},
		{"GET /v1/agent/health/service/id/b?format=text", "", 503, "maintenance"},
		{"PUT /v1/agent/maintenance?enable=0", "", 200, ""},
		{"GET /v1/agent/health/service/id/b?format=text", "", 200, "passing"},

		{"PUT /v1/agent/maintenance", "", 400, "Missing value for enable…"},
		{"PUT /v1/agent/maintenance?enable", "", 400, "Missing value for enable…"},
		{"PUT /v1/agent/maintenance?enable=maybe", "", 400, `Invalid value for enable: "maybe"…`},
		{"PUT /v1/agent/service/maintenance/?enable=true", "", 400, "Missing service ID…"},
		{"PUT /v1/agent/service/maintenance/b", "", 400, "Missing value for enable…"},
		{"PUT /v1/agent/service/maintenance/none?enable=true", "", 404, `Unknown service ID "none"`},
		{"PUT /v1/agent/service/maintenance/none?enable=false", "", 404, `Unknown service ID "none"`},
		{"GET /v1/agent/maintenance?enable=true", "", 405, "method GET is not allowed here…"},
	})
	if d := cmp.Diff([]string{"", "", "t", ""}, m.local.tokens); d != "" {
		t.Errorf("tokens: %s", d)
	}
	talks(t, h, []talk{{"PUT /v1/agent/maintenance?enable=true", "", 200, ""}})
	if got := send(t, h, "GET /v1/agent/health/service/id/b", "").Header().Get("X-Consul-Reason"); got != "maintenance" {
		t.Errorf("X-Consul-Reason is %q, want maintenance", got)
	}
}
