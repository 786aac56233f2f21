package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
)

// TestWatches holds that watches are read as people wrote them for Consul, in both formats, and with our keys.
func TestWatches(t *testing.T) {
	run, loopback := []string{"/usr/bin/handler", "-x"}, "127.0.0.1"
	for name, tt := range map[string]struct {
		text string
		want cluster.Watch
		warn string
	}{
		"x.json": {
			`{"watches": [{"type": "key", "key": "foo/bar", "handler_type": "script", "args": ["/usr/bin/handler", "-x"], "stale": true}]}`,
			cluster.Watch{Type: "key", Key: "foo/bar", Args: run, Timeout: 5 * time.Minute},
			"",
		},
		"a.hcl": {
			`watches = [{ type = "service" service = "db" tag = "master" passingonly = "true" args = ["/usr/bin/handler", "-x"]
			  timeout = "10s" retry = 3 initial = false coalesce = "200ms" }]`,
			cluster.Watch{Type: "service", Service: "db", Tags: []string{"master"}, PassingOnly: true, Args: run, Timeout: 10 * time.Second, Retry: 3, SkipInitial: true, Coalesce: 200 * time.Millisecond},
			"",
		},
		"b.hcl": {
			`watches { type = "keyprefix" prefix = "vips/" handler = "/bin/x | y" timeout = "0s" }`,
			cluster.Watch{Type: "keyprefix", Prefix: "vips/", Args: []string{"/bin/sh", "-c", "/bin/x | y"}},
			"config file b.hcl: watches[0]: handler is run by /bin/sh; args, a list, needs no shell",
		},
		"y.json": {
			`{"watches": [{"type": "event", "name": "web-deploy", "handler_type": "http", "http_handler_config":
			  {"path": "https://localhost:8000/watch", "method": "POST", "header": {"x-foo": ["bar", "baz"]}, "timeout": "20s", "tls_skip_verify": false}}]}`,
			cluster.Watch{Type: "event", Name: "web-deploy", Timeout: 5 * time.Minute, HTTP: &cluster.WatchHTTP{URL: "https://localhost:8000/watch", Method: "POST", Header: map[string][]string{"x-foo": {"bar", "baz"}}, Timeout: 20 * time.Second}},
			"",
		},
		"c.hcl": {
			`watches = [{ type = "checks" state = "critical" handler_type = "http" http_handler_config { path = "http://h/" header = { "X-A" = ["1"] } } }]`,
			cluster.Watch{Type: "checks", State: "critical", Timeout: 5 * time.Minute, HTTP: &cluster.WatchHTTP{URL: "http://h/", Header: map[string][]string{"X-A": {"1"}}}},
			"",
		},
	} {
		f, warnings, err := Parse(name, []byte(tt.text), "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(warnings, "; "); got != tt.warn {
			t.Errorf("%s: warnings %q", name, got)
		}
		f.BindAddr = &loopback
		c, err := Build(f)
		if err != nil || len(c.Watches) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tt.want, c.Watches[0]); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func TestWatchesAmiss(t *testing.T) {
	loopback := "127.0.0.1"
	for text, want := range map[string]string{
		`watches { type = "key" key = "a" }`:                                                  "watches[0]: watch of key a has no handler: give args",
		`watches { type = "key" key = "a" handler = "x" args = ["y"] }`:                       "handler and args are both given",
		`watches { type = "key" key = "a" args = ["y"] handler_type = "mail" }`:               `handler_type "mail" is not known`,
		`watches { type = "nodes" args = ["y"] handler_type = "http" }`:                       "handler_type is http and a program is given",
		`watches { type = "nodes" handler_type = "http" }`:                                    "say in http_handler_config where to send",
		`watches { type = "nodes" http_handler_config { path = "http://x" } }`:                `add handler_type = "http"`,
		`watches { type = "nodes" handler_type = "http" http_handler_config { path = "x" } }`: `http_handler_config has the path "x"`,
		`watches { type = "nodes" args = ["y"] } watches { type = "node" args = ["x"] }`:      `watches[1]: a watch has the type "node"`,
		`watches { type = "nodes" args = ["y"] nme = "x" }`:                                   `unknown key "watches[0].nme"`,
	} {
		f, _, err := Parse("x.hcl", []byte(text), "")
		if err == nil {
			f.BindAddr = &loopback
			_, err = Build(f)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}
