package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	networks := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("fd00::/16")}
	h := Guard(next, []string{"/v1/agent", "/v1/kv/secret"}, networks)
	for _, c := range []struct {
		method, path, from string
		want               int
	}{
		{"GET", "/v1/kv/a", "192.0.2.1:1", 200},
		{"HEAD", "/v1/kv/a", "192.0.2.1:1", 200},
		{"OPTIONS", "/v1/kv/a", "192.0.2.1:1", 200},
		{"PUT", "/v1/kv/a", "192.0.2.1:1", 403},
		{"DELETE", "/v1/kv/a", "[2001:db8::1]:1", 403},
		{"NONSENSE", "/v1/kv/a", "192.0.2.1:1", 403},
		{"PUT", "/v1/kv/a", "127.0.0.2:1", 200},
		{"PUT", "/v1/kv/a", "[::ffff:10.0.0.1]:1", 200},
		{"PUT", "/v1/kv/a", "10.0.0.2:1", 403},
		{"PUT", "/v1/kv/a", "[fd00::1%eth0]:1", 200},
		{"PUT", "/v1/kv/a", "", 403},
		{"PUT", "/v1/kv/a", "unix", 200},
		{"GET", "/v1/agent/self", "127.0.0.1:1", 403},
		{"GET", "/v1/agents", "127.0.0.1:1", 403},
		{"GET", "/v1/kv/secret/a", "unix", 403},
		{"GET", "/v1/kv/%73ecret/a", "127.0.0.1:1", 403},
		{"GET", "/v1/kv/secre", "127.0.0.1:1", 200},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-For", "127.0.0.1") // anybody can write that
		if c.from == "unix" {
			r.RemoteAddr = "@"
			r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.UnixAddr{}))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want || c.want == 403 && !strings.Contains(w.Body.String(), "http_config.") {
			t.Errorf("%s %s from %q: %d %q, want %d", c.method, c.path, c.from, w.Code, w.Body, c.want)
		}
	}
	w := httptest.NewRecorder()
	Guard(next, nil, nil).ServeHTTP(w, httptest.NewRequest("PUT", "/v1/agent/leave", nil))
	if w.Code != 200 {
		t.Errorf("without rules: %d", w.Code)
	}
}
