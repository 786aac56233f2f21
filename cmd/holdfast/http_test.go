package main

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHTTPConfig holds that what http_config and the query times forbid is forbidden to clients, and nothing else.
func TestHTTPConfig(t *testing.T) {
	t.Parallel()
	sock := filepath.Join(t.TempDir(), "h.sock")
	c := startAgent(t, `addresses { http = "127.0.0.1 unix://`+sock+`" } default_query_time = "200ms" max_query_time = "300ms"
		http_config { block_endpoints = ["/v1/agent/metrics"] allow_write_http_from = ["192.0.2.0/24"] use_cache = false max_header_bytes = 5000 }
		watches = [{ type = "key" key = "k" args = ["sh", "-c", "cat > `+sock+`.watched"] }]`, "-dev", "-node", "n1")
	c.await(leadLine)
	status := func(method, path string, header int) (int, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.http+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header > 0 {
			req.Header.Set("X-Long", strings.Repeat("a", header))
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	if got := c.ask("kv", "put", "k", "v", "-http-addr", "unix://"+sock); got.code != 0 {
		t.Errorf("a write over the socket: %+v", got)
	}
	if got := c.ask("kv", "put", "k", "v"); got.code != 1 || !strings.Contains(got.err, "http_config.allow_write_http_from") {
		t.Errorf("a write over loopback: %+v", got)
	}
	if code, _ := status(http.MethodGet, "/v1/agent/metrics", 0); code != http.StatusForbidden {
		t.Errorf("a blocked endpoint: %d", code)
	}
	if code, h := status(http.MethodGet, "/v1/health/service/consul?cached", 0); code != http.StatusOK || h.Get("X-Cache") != "" {
		t.Errorf("cached: %d, %v", code, h)
	}
	if code, _ := status(http.MethodGet, "/v1/status/leader", 20_000); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long header: %d", code)
	}
	for _, wait := range []string{"", "&wait=10m"} {
		began := time.Now()
		if code, _ := status(http.MethodGet, "/v1/kv/k?index=1000000"+wait, 0); code != http.StatusOK || time.Since(began) < 200*time.Millisecond || time.Since(began) > 20*time.Second {
			t.Errorf("index=1000000%s: %d after %s", wait, code, time.Since(began))
		}
	}
	eventually(t, "the watch to have run", func() bool {
		names, _ := filepath.Glob(sock + ".watched")
		return len(names) == 1
	})
}

// TestDebugConfig holds what programs look up in the configuration that an agent shows of itself.
func TestDebugConfig(t *testing.T) {
	if got := urls([]string{"127.0.0.1:8600", "[::1]:8600"}, "tcp", "udp"); !slices.Equal(got, []string{"tcp://127.0.0.1:8600", "tcp://[::1]:8600", "udp://127.0.0.1:8600", "udp://[::1]:8600"}) {
		t.Errorf("the addresses are %q", got)
	}
	if got := urls([]string{"unix:///run/h.sock"}, "tcp"); !slices.Equal(got, []string{"unix:///run/h.sock"}) {
		t.Errorf("the socket is %q", got)
	}
	if got := urls(nil, "tcp"); got == nil || len(got) > 0 {
		t.Errorf("no addresses are %#v, want an empty list", got)
	}
	for _, c := range []struct {
		addrs []string
		want  int
	}{
		{[]string{"unix:///run/h.sock", "[::1]:8501", "127.0.0.1:8502"}, 8501},
		{[]string{"unix:///run/h.sock"}, noPort},
		{nil, noPort},
	} {
		if got := portOf(c.addrs); got != c.want {
			t.Errorf("the port of %q is %d, want %d", c.addrs, got, c.want)
		}
	}
}
