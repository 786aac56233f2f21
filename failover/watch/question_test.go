package watch

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestQuestion(t *testing.T) {
	for _, tt := range []struct {
		watch cluster.Watch
		want  string
	}{
		{cluster.Watch{Type: "key", Key: "a b/ü?"}, "/v1/kv/a%20b/%C3%BC%3F?"},
		{cluster.Watch{Type: "keyprefix", Prefix: "vips/"}, "/v1/kv/vips/?recurse="},
		{cluster.Watch{Type: "services", Filter: `"x" in ServiceTags`}, "/v1/catalog/services?filter=%22x%22+in+ServiceTags"},
		{cluster.Watch{Type: "nodes", Datacenter: "dc2", Token: "t"}, "/v1/catalog/nodes?dc=dc2&token=t"},
		{cluster.Watch{Type: "service", Service: "db", Tags: []string{"a", "b"}, PassingOnly: true}, "/v1/health/service/db?passing=1&tag=a&tag=b"},
		{cluster.Watch{Type: "checks"}, "/v1/health/state/any?"},
		{cluster.Watch{Type: "checks", State: "critical"}, "/v1/health/state/critical?"},
		{cluster.Watch{Type: "checks", Service: "db"}, "/v1/health/checks/db?"},
		{cluster.Watch{Type: "event", Name: "deploy"}, "/v1/event/list?name=deploy"},
	} {
		path, q := question(&tt.watch)
		if got := path + "?" + q.Encode(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.watch.Label(), got, tt.want)
		}
	}
}

// TestHanded holds the forms that Consul's handlers know.
func TestHanded(t *testing.T) {
	entry := `{"LockIndex":1,"Key":"k","Flags":2,"Value":"YQ==","CreateIndex":3,"ModifyIndex":4}`
	want := `{"Key":"k","CreateIndex":3,"ModifyIndex":4,"LockIndex":1,"Flags":2,"Value":"YQ==","Session":""}`
	events := `[{"ID":"1","Name":"a"},{"ID":"2","Name":"b"},{"ID":"3","Name":"c"}]`
	before := `{"Node":"n1","CheckID":"c","Name":"c","Status":"passing","Notes":"","Output":"","ServiceID":"w","ServiceName":"w","ServiceTags":[],"Type":"ttl",`
	api := before + `"Interval":"","Timeout":"","ExposedPort":0,"Definition":{},"CreateIndex":9,"ModifyIndex":9}`
	given := before + `"ExposedPort":0,"Definition":` + noDefinition + `,"CreateIndex":9,"ModifyIndex":9}`
	for _, tt := range []struct{ typ, body, after, want, last string }{
		{"key", "[" + entry + "]", "", want, ""},
		{"key", "", "", "null", ""},
		{"keyprefix", "[" + entry + "," + entry + "]", "", "[" + want + "," + want + "]", ""},
		{"keyprefix", "", "", "null", ""},
		{"nodes", "[]", "", "[]", ""},
		{"checks", "[" + api + "]", "", "[" + given + "]", ""},
		{"checks", "[]", "", "[]", ""},
		{"service", `[{"Node":{"Node":"n1"},"Service":{"ID":"w","Connect":{}},"Checks":[` + api + `]}]`, "", `[{"Node":{"Node":"n1"},"Service":{"ID":"w","Connect":{}},"Checks":[` + given + `]}]`, ""},
		{"event", events, "", events, "3"},
		{"event", events, "1", `[{"ID":"2","Name":"b"},{"ID":"3","Name":"c"}]`, "3"},
		{"event", events, "3", "[]", "3"},
		{"event", events, "gone", events, "3"},
		{"event", "[]", "", "[]", ""},
	} {
		got, last, err := handed(&cluster.Watch{Type: tt.typ}, Answer{Found: tt.body != "", Body: []byte(tt.body)}, tt.after)
		if err != nil || string(got) != tt.want || last != tt.last {
			t.Errorf("%s %s after %q: %s, %q, %v", tt.typ, tt.body, tt.after, got, last, err)
		}
	}
}

// FuzzHanded holds that no answer makes a watch fail in another way than by an error, and that what a handler is given is JSON.
func FuzzHanded(f *testing.F) {
	for _, typ := range []string{"key", "keyprefix", "event", "service", "checks"} {
		f.Add(typ, []byte(key("x")), "")
		f.Add(typ, []byte(`[{"ID":"1"},{"ID":"2"}]`), "1")
		f.Add(typ, []byte(`{`), "")
	}
	f.Fuzz(func(t *testing.T, typ string, body []byte, after string) {
		if !slices.Contains([]string{"key", "keyprefix", "event", "service", "checks"}, typ) {
			return
		}
		out, _, err := handed(&cluster.Watch{Type: typ}, Answer{Found: true, Body: body}, after)
		if err == nil && !json.Valid(out) {
			t.Errorf("%s: %q is given on as %q", typ, body, out)
		}
	})
}

// TestEvents holds that a handler has each event once, whatever stands in the list beside it.
func TestEvents(t *testing.T) {
	out, w := file(t), newWorld(`[{"ID":"1"}]`)
	n := running(t, w, cluster.Watch{Type: "event", Args: []string{"/bin/sh", "-c", "cat >> " + out}})
	eventually(t, "the first", func() bool { return n.Watches()[0].Runs == 1 })
	w.set(`[{"ID":"1"},{"ID":"2"}]`)
	eventually(t, "the second", func() bool { s := n.Watches()[0]; return s.Runs == 2 && !s.Running })
	if got := strings.Fields(lines(t, out)); len(got) != 2 || got[0] != `[{"ID":"1"}]` || got[1] != `[{"ID":"2"}]` {
		t.Errorf("the handler was given %q", got)
	}
}

func TestPost(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	var head http.Header
	status := http.StatusInternalServerError
	srv := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies, head = append(bodies, r.Method+" "+string(b)), r.Header
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, "not today")
		status = http.StatusOK
	}))
	defer srv.Close()
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	w := newWorld(`[]`)
	trusted := cluster.Watch{Type: "nodes", HTTP: &cluster.WatchHTTP{URL: srv.URL, Method: "PUT", Header: map[string][]string{"x-a": {"1", "2"}}, TLSSkipVerify: true}}
	strict := cluster.Watch{Type: "nodes", HTTP: &cluster.WatchHTTP{URL: srv.URL, Timeout: 10 * time.Second}}
	r := running(t, w, trusted, strict)
	eventually(t, "both runs", func() bool { s := r.Watches(); return s[0].Runs == 1 && s[1].Failures == 1 && !s[0].Running })
	if s := r.Watches(); !strings.Contains(s[1].Error, "certificate") || !strings.HasPrefix(s[0].Error, "it answered 500") || s[0].Output != "not today" {
		t.Errorf("statuses %+v", s)
	}
	w.set(`[{}]`)
	eventually(t, "the second run", func() bool { s := r.Watches()[0]; return s.Runs == 2 && !s.Running && s.Error == "" })
	mu.Lock()
	defer mu.Unlock()
	if len(bodies) != 2 || bodies[0] != "PUT []\n" || bodies[1] != "PUT [{}]\n" {
		t.Errorf("sent %q", bodies)
	}
	if head.Get("X-Consul-Index") != "11" || head.Get("Content-Type") != "application/json" || strings.Join(head["X-A"], ",") != "1,2" {
		t.Errorf("headers %v", head)
	}
}
