package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testServer is the real server on a free port of the loopback.
type testServer struct {
	*Server
	addr, url string
}

func newTestServer(tb testing.TB, h http.Handler, limits Limits) *testServer {
	tb.Helper()
	s, err := Listen(Addresses{Plain: []string{"127.0.0.1:0"}}, limits, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	s.Serve(h)
	tb.Cleanup(func() { _ = s.Close() })
	addr := s.Addrs()[0].String()
	return &testServer{Server: s, addr: addr, url: "http://" + addr}
}

func (s *testServer) do(tb testing.TB, req *http.Request) (int, string) {
	tb.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// dial opens a connection that fails rather than hangs.
func (s *testServer) dial(tb testing.TB) net.Conn {
	tb.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		tb.Fatal(err)
	}
	return c
}

// raw sends a request line as it is: a client's library would clean the path.
func (s *testServer) raw(tb testing.TB, line, body string) (int, string) {
	tb.Helper()
	c := s.dial(tb)
	defer c.Close()
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", line, len(body), body)
	return readReply(tb, c)
}

func readReply(tb testing.TB, c net.Conn) (int, string) {
	tb.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	sock := filepath.Join(t.TempDir(), "s")
	alive, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	for address, want := range map[string]string{
		addr:             "cannot listen on " + addr + " for HTTP: another program uses it; stop that one or set ports.http to another",
		"192.0.2.1:8500": "cannot listen on 192.0.2.1:8500 for HTTP: no interface of this machine has the address",
		"unix://" + sock: "cannot listen on unix://" + sock + " for HTTP: another program uses it; stop that one or set addresses.http to another",
		"unix:///no/dir": "cannot listen on unix:///no/dir for HTTP (addresses.http)",
	} {
		s, err := Listen(Addresses{Plain: []string{"127.0.0.1:0", address}}, Limits{}, slog.New(slog.DiscardHandler))
		if err == nil {
			_ = s.Close()
			t.Errorf("Listen(%q) works", address)
		} else if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Listen(%q) says %q, want it to begin with %q", address, err, want)
		}
	}
}

func TestListenUnix(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: sock, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close() // a former run that was killed leaves its socket like this
	if _, err := os.Stat(sock); err != nil {
		t.Fatal(err)
	}
	s, err := Listen(Addresses{Plain: []string{"unix://" + sock}}, Limits{ConnsPerClient: 1}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Serve(newMember().handler())
	for range 3 { // there is no limit on a unix socket
		c, err := net.Dial("unix", sock)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
		if status, body := readReply(t, c); status != 200 || body != `"10.0.0.1:8300"` {
			t.Errorf("status/leader over a unix socket: %d %s", status, body)
		}
	}
}

func TestConnsPerClient(t *testing.T) {
	s := newTestServer(t, newMember().handler(), Limits{ConnsPerClient: 2})
	ask := func(c net.Conn) int {
		fmt.Fprint(c, "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
		status, _ := readReply(t, c)
		return status
	}
	a, b := s.dial(t), s.dial(t)
	if ask(a) != 200 || ask(b) != 200 {
		t.Fatal("the first two connections are not answered")
	}
	if status, body := readReply(t, s.dial(t)); status != 429 || !strings.Contains(body, "limits.http_max_conns_per_client") {
		t.Errorf("the third connection is answered %d %s, want 429", status, body)
	}
	_ = a.Close()
	eventually(t, "a connection after one has closed", func() bool { return ask(s.dial(t)) == 200 })
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(15 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("%s: it does not come", what)
		}
	}
}

func TestHugeHeader(t *testing.T) {
	s := newTestServer(t, newMember().handler(), Limits{})
	c := s.dial(t)
	go func() { // the server stops reading somewhere within
		_, _ = fmt.Fprintf(c, "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 2*maxHeader))
	}()
	if status, _ := readReply(t, c); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of %d bytes is answered %d, want 431", 2*maxHeader, status)
	}
}

func TestBrokenRequests(t *testing.T) {
	s := newTestServer(t, newMember().handler(), Limits{})
	for _, text := range []string{"\r\n\r\n\r\n", "GET\r\n\r\n", "GET /v1/kv/a%zz HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x00\x00", "GET /v1/kv/a HTTP/9.9\r\n\r\n"} {
		c := s.dial(t)
		fmt.Fprint(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		b, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if len(b) > 0 && !strings.Contains(string(b), " 400 ") && !strings.Contains(string(b), " 505 ") {
			t.Errorf("%q is answered %q", text, b)
		}
	}
	if status, _ := s.raw(t, "GET /v1/status/leader", ""); status != 200 {
		t.Errorf("after broken requests a sound one is answered %d", status)
	}
}

// TestShortBody ends a body before its length is reached: nothing may be written.
func TestShortBody(t *testing.T) {
	m := newMember()
	s := newTestServer(t, m.handler(), Limits{})
	c := s.dial(t)
	fmt.Fprint(c, "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	_ = c.(*net.TCPConn).CloseWrite()
	if status, body := readReply(t, c); status != 400 || !strings.Contains(body, "did not arrive whole") {
		t.Errorf("a short body is answered %d %s", status, body)
	}
	if m.store.View().KVGet("a") != nil {
		t.Error("half a value was stored")
	}
}

func TestKeepAlive(t *testing.T) {
	s := newTestServer(t, newMember().populate(t).handler(), Limits{})
	c := s.dial(t)
	r := bufio.NewReader(c)
	for range 3 {
		fmt.Fprint(c, "GET /v1/health/service/web HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d %v", resp.StatusCode, err)
		}
	}
}

func TestCloseBeforeServe(t *testing.T) {
	s, err := Listen(Addresses{Plain: []string{"127.0.0.1:0"}}, Limits{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.Addrs()[0].String()); err == nil {
		t.Error("a closed server takes connections")
	}
}
