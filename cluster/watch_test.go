package cluster

import (
	"strings"
	"testing"
)

func TestWatchValidate(t *testing.T) {
	run := []string{"/bin/x"}
	for _, tt := range []struct {
		watch Watch
		want  string // "" for a good one
	}{
		{Watch{Type: "key", Key: "a", Args: run}, ""},
		{Watch{Type: "checks", Args: run}, ""},
		{Watch{Type: "event", HTTP: &WatchHTTP{URL: "https://x/y"}}, ""},
		{Watch{Type: "keys", Args: run}, `the type "keys": want key,`},
		{Watch{Type: "key", Args: run}, "has no key"},
		{Watch{Type: "keyprefix", Key: "x", Args: run}, "takes no key"},
		{Watch{Type: "service", Args: run}, "has no service"},
		{Watch{Type: "services", Tags: run, Args: run}, "takes no tag"},
		{Watch{Type: "checks", Service: "a", State: "any", Args: run}, "both service and state"},
		{Watch{Type: "nodes"}, "watch of nodes has no handler"},
		{Watch{Type: "nodes", Args: run, HTTP: &WatchHTTP{}}, "two handlers"},
		{Watch{Type: "nodes", Args: []string{""}}, "without a name"},
		{Watch{Type: "nodes", Args: run, Retry: -1}, "negative"},
		{Watch{Type: "nodes", HTTP: &WatchHTTP{URL: "/x"}}, `the path "/x"`},
	} {
		err := tt.watch.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.watch, err, tt.want)
		}
	}
}
