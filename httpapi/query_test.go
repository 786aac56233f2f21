package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

var discard = slog.New(slog.DiscardHandler)

// readerFunc is a Reader whose answer is an error.
type readerFunc func(ctx context.Context) error

func (f readerFunc) Query(ctx context.Context, _ cluster.QueryOptions, _ func(*state.View) error) (cluster.QueryMeta, error) {
	return cluster.QueryMeta{}, f(ctx)
}

func TestParseRefuses(t *testing.T) {
	talks(t, newMember().handler(), []talk{
		{"GET /v1/kv/a?stale&consistent", "", 400, "the parameters stale and consistent contradict each other…"},
		{"GET /v1/kv/a?index=x", "", 400, `Invalid index "x"…`},
		{"GET /v1/kv/a?index=-1", "", 400, `Invalid index "-1"…`},
		{"GET /v1/kv/a?wait=10", "", 400, `Invalid wait time "10"…`},
		{"GET /v1/kv/a?cas=%zz", "", 400, "the query string…"},
		{"GET /v1/kv/a?dc=dc2", "", 500, `No path to datacenter: "dc2"…`},
		{"GET /v1/catalog/nodes?dc=dc2", "", 500, `No path to datacenter: "dc2"…`},
		{"GET /v1/kv/a?ns=team", "", 400, "the parameter ns=team asks for a part of Consul Enterprise…"},
		{"GET /v1/catalog/nodes?partition=p", "", 400, "the parameter partition=p…"},
		{"GET /v1/health/service/web?peer=p", "", 501, "the parameter peer=p…"},
		{"GET /v1/health/service/web?passing=perhaps", "", 400, "the parameter passing=perhaps is not a boolean…"},
	})
}

func TestMethods(t *testing.T) {
	h := newMember().populate(t).handler()
	for line, allow := range map[string]string{
		"POST /v1/kv/a":                  "DELETE, GET, HEAD, PUT",
		"PUT /v1/catalog/nodes":          "GET, HEAD",
		"GET /v1/coordinate/update":      "PUT",
		"PUT /v1/query":                  "GET, HEAD, POST",
		"POST /v1/query/x":               "DELETE, GET, HEAD, PUT",
		"GET /v1/catalog/register":       "PUT",
		"GET /v1/agent/service/register": "PUT",
		"DELETE /v1/session/create":      "PUT",
		"GET /v1/failover/group/g/move":  "DELETE, PUT",
	} {
		w := send(t, h, line, "")
		if w.Code != 405 || w.Header().Get("Allow") != allow {
			t.Errorf("%s: %d, Allow: %s; want 405 and %s", line, w.Code, w.Header().Get("Allow"), allow)
		}
	}
	if w := send(t, h, "OPTIONS /v1/kv/a", ""); w.Code != 200 || w.Header().Get("Allow") == "" {
		t.Errorf("OPTIONS: %d, Allow: %s", w.Code, w.Header().Get("Allow"))
	}
	w := send(t, h, "HEAD /v1/health/service/web", "")
	if w.Code != 200 || w.Header().Get("X-Consul-Index") != "3" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}

// TestPaths holds that names are taken as they come, and that nothing is redirected.
func TestPaths(t *testing.T) {
	m := newMember().populate(t)
	odd := []string{"a//b", "a/../b", "./x", "..", "a/b", "ü x", "/lead", "trail/", "register"}
	for _, name := range odd {
		m.apply(t, &cluster.Register{Node: cluster.Node{Name: name, Address: "10.9.9.9"}, Service: &cluster.Service{ID: name, Name: name}})
	}
	h := m.handler()
	for target, name := range map[string]string{
		"a//b": "a//b", "a%2F%2Fb": "a//b", "a/../b": "a/../b", "./x": "./x", "..": "..", "%2E%2E": "..", "a/b": "a/b", "a%2Fb": "a/b",
		"%C3%BC%20x": "ü x", "/lead": "/lead", "trail/": "trail/",
	} {
		for _, family := range []string{"/v1/catalog/service/", "/v1/health/service/"} {
			w := send(t, h, "GET "+family+target, "")
			if w.Code != 200 || !strings.Contains(w.Body.String(), `"`+name+`"`) {
				t.Errorf("GET %s%s does not find %q: %d %s", family, target, name, w.Code, w.Body)
			}
		}
		if w := send(t, h, "GET /v1/catalog/node/"+target, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"`+name+`"`) {
			t.Errorf("GET /v1/catalog/node/%s does not find %q: %d %s", target, name, w.Code, w.Body)
		}
	}
	talks(t, h, []talk{
		{"GET /", "", 200, "Consul's HTTP API…"},
		{"GET /ui/", "", 404, "there is no endpoint /ui/…"},
		{"GET /v1/nothing", "", 404, "there is no endpoint /v1/nothing…"},
		{"GET //v1/status/leader", "", 404, "there is no endpoint…"},
		{"GET /v1/../v1/status/leader", "", 404, "there is no endpoint…"},
		{"GET /v1/catalog/service/", "", 400, "Missing service name…"},
		{"GET /v1/connect/ca/configuration", "", 501, "/v1/connect/ca/configuration is part of the service mesh, which Holdfast leaves out"},
		{"PUT /v1/config", "{}", 501, "/v1/config is part of the service mesh…"},
		{"GET /v1/peerings", "", 501, "/v1/peerings is part of cluster peering…"},
		{"GET /v1/namespaces", "", 501, "/v1/namespaces is part of Consul Enterprise…"},
		{"GET /v1/discovery-chain/web", "", 501, "/v1/discovery-chain/web is part of the service mesh…"},
	})
}

func TestGzip(t *testing.T) {
	m := newMember()
	m.put(t, "long", strings.Repeat("x", 5000))
	m.put(t, "short", "x")
	h := m.handler()
	for accept, want := range map[string]bool{
		"": false, "gzip": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "*": true, "identity": false, "GZIP": true, "gzip;q=x": false,
	} {
		w := send(t, h, "GET /v1/kv/long?raw", "", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding: %q gives gzip %t, want %t", accept, got, want)
		}
		body := w.Body.Bytes()
		if want {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, []byte(strings.Repeat("x", 5000))) {
			t.Errorf("Accept-Encoding: %q gives another value", accept)
		}
	}
	if w := send(t, h, "GET /v1/kv/short", "", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}

func TestPanic(t *testing.T) {
	m := newMember()
	h := New(m.config(), Deps{Reader: readerFunc(func(context.Context) error { panic("oh") })}, discard)
	talks(t, h, []talk{{"GET /v1/kv/a", "", 500, "the agent failed at GET /v1/kv/a…"}})
}

// FuzzFilter holds that no filter makes the API panic.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{`Service.Tags contains "v1"`, `Node.Meta["rack"] == r1`, `Checks.Status == passing`, `a.b.c`, `not (`, `Service.Port == "x"`, `Service.Meta.a matches "("`} {
		f.Add(s)
	}
	h := newMember().populate(f).handler()
	f.Fuzz(func(t *testing.T, s string) {
		r := httptest.NewRequest("GET", "/v1/health/service/web", nil)
		q := r.URL.Query()
		q.Set("filter", s)
		r.URL.RawQuery = q.Encode()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 {
			t.Fatalf("%q: %d %s", s, w.Code, w.Body)
		}
	})
}

// FuzzQuery holds that no query string makes a read fail in a way that is not the client's, or sends it elsewhere.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"wait=2.5s", "stale&consistent", "%zz", "filter=a==b", "a;b", "pretty=&recurse", "keys&separator=/", "raw"} {
		f.Add(q)
	}
	h := newMember().populate(f).handler()
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/v1/kv/a", nil)
		r.URL.RawQuery = query
		if index := r.URL.Query().Get("index"); index != "" && index != "0" {
			return // it would wait
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 300 && w.Code < 400 {
			t.Fatalf("%q: status %d", query, w.Code)
		}
	})
}
