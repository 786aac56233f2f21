package web

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/failover/proxy/route"
)

// instance answers with its name and what it sees.
func instance(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
			w.WriteHeader(http.StatusSwitchingProtocols)
			c, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			line, _ := rw.ReadString('\n')
			_, _ = io.WriteString(c, strings.ToUpper(line))
			return
		}
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		fmt.Fprintf(w, "%s %s %s for=%s host=%s proto=%s real=%s prefix=%s body=%s", name, r.Host, r.RequestURI,
			h.Get("X-Forwarded-For"), h.Get("X-Forwarded-Host"), h.Get("X-Forwarded-Proto"), h.Get("X-Real-Ip"), h.Get("X-Forwarded-Prefix"), body)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func target(t *testing.T, tag, id, addr string) route.Target {
	t.Helper()
	r, _, err := route.ParseTag(route.DefaultPrefix, tag)
	if err != nil {
		t.Fatal(err)
	}
	return route.Target{Route: r, Service: id, ID: id, Addr: addr}
}

func serving(t *testing.T, o Options, targets ...route.Target) (*Handler, string) {
	t.Helper()
	h := New(o, slog.New(slog.DiscardHandler))
	h.Set(route.New(targets, route.Prefix))
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return h, s.Listener.Addr().String()
}

func ask(t *testing.T, addr, host, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestRoutes(t *testing.T) {
	a, b := instance(t, "a"), instance(t, "b")
	_, addr := serving(t, Options{}, target(t, "urlprefix-a.org/", "a", a), target(t, "urlprefix-/b strip=/b", "b", b),
		target(t, "urlprefix-/p prepend=/q host=inner.org", "b", b), target(t, "urlprefix-/old redirect=302,https://new.org$path", "b", b), target(t, "urlprefix-/no deny=ip:127.0.0.0/8", "b", b),
		target(t, "urlprefix-/dst host=dst", "b", b))
	for _, c := range []struct{ host, path, want string }{
		{"a.org", "/x?y=1", "a a.org /x?y=1 for=127.0.0.1 host=a.org proto=http real=127.0.0.1 prefix= body=hello"},
		{"any.org", "/b/c%2Fd?e", "b any.org /c%2Fd?e for=127.0.0.1 host=any.org proto=http real=127.0.0.1 prefix=/b body=hello"},
		{"any.org", "/b", "b any.org / for=127.0.0.1 host=any.org proto=http real=127.0.0.1 prefix=/b body=hello"},
		{"any.org", "/p/x", "b inner.org /q/p/x for=127.0.0.1 host=any.org proto=http real=127.0.0.1 prefix= body=hello"},
		{"any.org", "/dst", "b " + b + " /dst for=127.0.0.1 host=any.org proto=http real=127.0.0.1 prefix= body=hello"},
	} {
		if code, got, _ := ask(t, addr, c.host, c.path, "hello"); code != http.StatusOK || got != c.want {
			t.Errorf("%s%s: %d %s\nwant %s", c.host, c.path, code, got, c.want)
		}
	}
	if code, _, h := ask(t, addr, "x", "/old/page?q", ""); code != http.StatusFound || h.Get("Location") != "https://new.org/old/page?q" {
		t.Errorf("redirect: %d %v", code, h)
	}
	if code, _, _ := ask(t, addr, "x", "/no", ""); code != http.StatusForbidden {
		t.Errorf("denied: %d", code)
	}
	if code, got, _ := ask(t, addr, "x", "/zzz", ""); code != http.StatusNotFound || got != "no service has a route for x/zzz\n" {
		t.Errorf("not routed: %d %s", code, got)
	}
}

// TestBelieves takes what other proxies say of the client, and of nobody else.
func TestBelieves(t *testing.T) {
	to := target(t, "urlprefix-/", "a", instance(t, "a"))
	_, plain := serving(t, Options{}, to)
	_, trusting := serving(t, Options{Trust: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, to)
	said := []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https", "X-Real-Ip", "203.0.113.9", "X-Forwarded-Host", "outer"}
	if _, got, _ := ask(t, plain, "h", "/", "", said...); got != "a h / for=127.0.0.1 host=h proto=http real=127.0.0.1 prefix= body=" {
		t.Error(got)
	}
	if _, got, _ := ask(t, trusting, "h", "/", "", said...); got != "a h / for=203.0.113.9, 127.0.0.1 host=outer proto=https real=203.0.113.9 prefix= body=" {
		t.Error(got)
	}
}

// TestDeadInstance wants every request answered, body and all, while one instance is dead, and 502 when all are.
func TestDeadInstance(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	_ = l.Close()
	h, addr := serving(t, Options{}, target(t, "urlprefix-/", "dead", dead), target(t, "urlprefix-/", "alive", instance(t, "alive")))
	for range 20 {
		if code, got, _ := ask(t, addr, "h", "/", "all of it"); code != http.StatusOK || !strings.HasPrefix(got, "alive") || !strings.HasSuffix(got, "body=all of it") {
			t.Fatalf("%d %s", code, got)
		}
	}
	counted := func() bool {
		return !slices.ContainsFunc(h.Counts(), func(c Counts) bool { return c.ID == "alive" && c.Served != 20 || c.ID == "dead" && c.Failed == 0 })
	}
	for deadline := time.Now().Add(10 * time.Second); !counted(); runtime.Gosched() { // a client may have its answer a moment earlier
		if time.Now().After(deadline) {
			t.Fatalf("counted %+v", h.Counts())
		}
	}
	h.Set(route.New([]route.Target{target(t, "urlprefix-/", "dead", dead)}, route.Prefix))
	if code, _, _ := ask(t, addr, "h", "/", ""); code != http.StatusBadGateway {
		t.Errorf("with nobody: %d", code)
	}
}

func TestWebsocket(t *testing.T) {
	_, addr := serving(t, Options{}, target(t, "urlprefix-/", "a", instance(t, "a")))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	_, _ = io.WriteString(c, "hello\n")
	if got, err := r.ReadString('\n'); got != "HELLO\n" || err != nil {
		t.Errorf("heard %q, %v", got, err)
	}
}
