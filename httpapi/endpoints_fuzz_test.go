package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// anyRequest are requests to every endpoint that takes something of the client's apart, as seeds: method, path, query and body.
var anyRequest = [][4]string{
	{"GET", "/v1/kv/a", "raw&recurse&keys&separator=/", ""},
	{"PUT", "/v1/kv/a", "flags=1&cas=2&acquire=x&release=y", "v"},
	{"DELETE", "/v1/kv/a", "recurse&cas=1", ""},
	{"PUT", "/v1/txn", "", `[{"KV":{"Verb":"set","Key":"a","Value":"eA=="}}]`},
	{"GET", "/v1/catalog/nodes", "near=n1&node-meta=rack:r1&filter=Node==n1", ""},
	{"GET", "/v1/catalog/node/n1", "", ""},
	{"GET", "/v1/catalog/node-services/n1", "filter=Service==web", ""},
	{"GET", "/v1/catalog/services", "node-meta=a", ""},
	{"GET", "/v1/catalog/service/web", "tag=v1&tag=v2&near=_agent&merge-central-config", ""},
	{"PUT", "/v1/catalog/register", "", `{"Node":"n","Address":"a","Service":{"Service":"s"},"Checks":[{"Name":"c"}]}`},
	{"PUT", "/v1/catalog/deregister", "", `{"Node":"n1","ServiceID":"web"}`},
	{"GET", "/v1/health/service/web", "passing=true&tag=v1&filter=Checks.Status==passing", ""},
	{"GET", "/v1/health/node/n1", "", ""},
	{"GET", "/v1/health/checks/web", "node-meta=a:b", ""},
	{"GET", "/v1/health/state/any", "", ""},
	{"PUT", "/v1/agent/service/register", "replace-existing-checks", `{"Name":"s","Check":{"TTL":"10s"},"Weights":{"Passing":1}}`},
	{"PUT", "/v1/agent/service/deregister/web-1", "", ""},
	{"GET", "/v1/agent/service/web-1", "hash=x", ""},
	{"GET", "/v1/agent/services", "filter=Port>80", ""},
	{"PUT", "/v1/agent/check/register", "", `{"Name":"c","TTL":"10s","Notes":"n","Header":{"a":["b"]}}`},
	{"PUT", "/v1/agent/check/deregister/c", "", ""},
	{"PUT", "/v1/agent/check/update/service:web-1", "", `{"Status":"passing","Output":"o"}`},
	{"PUT", "/v1/agent/check/pass/service:web-1", "note=x", ""},
	{"PUT", "/v1/agent/maintenance", "enable=true&reason=x", ""},
	{"PUT", "/v1/agent/service/maintenance/web-1", "enable=false", ""},
	{"GET", "/v1/agent/health/service/id/web-1", "format=text", ""},
	{"GET", "/v1/agent/health/service/name/web", "", ""},
	{"GET", "/v1/agent/members", "wan=1&segment=x", ""},
	{"PUT", "/v1/agent/join/10.0.0.9", "wan=1", ""},
	{"PUT", "/v1/agent/force-leave/n3", "prune", ""},
	{"GET", "/v1/agent/monitor", "loglevel=debug&logjson", ""},
	{"GET", "/v1/agent/metrics", "format=prometheus", ""},
	{"PUT", "/v1/event/fire/deploy", "node=^n&service=web&tag=v1", "payload"},
	{"GET", "/v1/event/list", "name=deploy&index=1", ""},
	{"PUT", "/v1/session/create", "", `{"TTL":"10s","LockDelay":"1s","Behavior":"delete","NodeChecks":[]}`},
	{"PUT", "/v1/session/renew/x", "", ""},
	{"GET", "/v1/session/info/x", "", ""},
	{"GET", "/v1/session/node/n1", "", ""},
	{"POST", "/v1/query", "", `{"Name":"q","Service":{"Service":"web","Failover":{"NearestN":1}},"Template":{"Type":"name_prefix_match","Regexp":"^(.*)$"}}`},
	{"GET", "/v1/query/q/execute", "limit=1&near=_agent", ""},
	{"GET", "/v1/query/q/explain", "", ""},
	{"PUT", "/v1/coordinate/update", "", `{"Node":"n1","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":1.5,"Height":1e-5}}`},
	{"GET", "/v1/coordinate/nodes", "segment=x", ""},
	{"PUT", "/v1/failover/group/g", "cas=1", `{"vips":[{"address":"10.0.0.1/24"}]}`},
	{"PUT", "/v1/failover/group/gateway/move", "to=n2", ""},
	{"PUT", "/v1/failover/plan", "", `{"groups":[]}`},
	{"GET", "/v1/failover/timeline", "group=gateway&limit=3", ""},
	{"PUT", "/v1/snapshot", "", "\x1f\x8b\x08"},
	{"GET", "/v1/connect/ca/roots", "pem=true", ""},
	{"OPTIONS", "/v1/../kv//a", "a=%zz", ""},
}

// FuzzEndpoints sends any method, path, query and body to the whole API: there is always an answer, and never a panic.
func FuzzEndpoints(f *testing.F) {
	for _, r := range anyRequest {
		f.Add(r[0], r[1], r[2], r[3])
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // for those that stream or block
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, &url.URL{Path: path, RawQuery: "wait=1ms&" + query}, path
		w := httptest.NewRecorder()
		newMember().populate(t).handler().ServeHTTP(w, r)
		text := w.Body.String()
		switch {
		case strings.HasPrefix(text, "the agent failed"):
			t.Fatalf("%s %q?%q %q: %s", method, path, query, body, text)
		case w.Code < 200 || w.Code > 599:
			t.Fatalf("%s %q?%q %q: status %d", method, path, query, body, w.Code)
		case w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()):
			t.Fatalf("%s %q?%q %q: no JSON: %s", method, path, query, body, text)
		case w.Code >= 400 && len(text) > 4096+8*len(path)+8*len(query)+8*len(body):
			t.Fatalf("%s %q?%q: an error of %d bytes", method, path, query, len(text))
		}
	})
}
