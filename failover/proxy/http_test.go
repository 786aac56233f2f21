package proxy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// teller answers with what it sees of a request; /raw is a connection of its own, which echoes.
type teller struct{}

func (teller) Backends() []BackendStatus { return nil }

func (teller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/raw" {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "raw\n")
		_, _ = io.Copy(c, rw)
		_ = c.Close()
		return
	}
	fmt.Fprintf(w, "%s from %s", r.Proto, r.RemoteAddr)
}

func web(o *Options) { o.Mode, o.Handler = HTTP, teller{} }

// own is a certificate of nobody.
func own(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
}

// get asks on a connection of its own, and leaves it open.
func get(t *testing.T, c *caller) string {
	t.Helper()
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	return answerOf(t, c.r)
}

func answerOf(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return string(b)
}

// TestHTTPLimit holds that a client too many waits until one has gone, one that has become something else than HTTP too.
func TestHTTPLimit(t *testing.T) {
	p := opened(t, func(o *Options) { web(o); o.MaxConnections = 2 })
	first, second, third := call(t, p.Addrs()[0]), call(t, p.Addrs()[0]), call(t, p.Addrs()[0])
	get(t, first)
	_, err := io.WriteString(second, "GET /raw HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	second.says(t, "raw")
	_, err = io.WriteString(third, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	must(t, third.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	if s, err := third.line(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the third is in: %q, %v", s, err)
	}
	must(t, third.SetReadDeadline(time.Now().Add(limit)))
	must(t, second.Close())
	if got := answerOf(t, third.r); !strings.HasPrefix(got, "HTTP/1.1 from") {
		t.Error(got)
	}
	eventually(t, "two are counted", func() bool { return p.Status().Connections == 2 })
}

// TestHTTPS speaks HTTP/2 and HTTP/1.1 over TLS, with the client's address from another proxy.
func TestHTTPS(t *testing.T) {
	p := opened(t, func(o *Options) {
		web(o)
		o.TLS, o.AcceptProxy = own(t), []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	for _, proto := range []string{"h2", "http/1.1"} {
		raw := call(t, p.Addrs()[0])
		_, err := io.WriteString(raw, "PROXY TCP4 198.51.100.7 203.0.113.1 4711 443\r\n")
		must(t, err)
		c := tls.Client(raw.TCPConn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{proto}}) //nolint:gosec // the certificate is nobody's
		must(t, c.Handshake())
		if got := c.ConnectionState().NegotiatedProtocol; got != proto {
			t.Errorf("negotiated %s, want %s", got, proto)
		}
		var protocols http.Protocols
		protocols.SetHTTP1(proto != "h2")
		protocols.SetHTTP2(proto == "h2")
		transport := &http.Transport{Protocols: &protocols, DialTLS: func(string, string) (net.Conn, error) { return c, nil }} //nolint:staticcheck // one connection
		resp, err := (&http.Client{Transport: transport, Timeout: limit}).Get("https://h/")
		must(t, err)
		b, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		transport.CloseIdleConnections()
		want := map[string]string{"h2": "HTTP/2.0 from 198.51.100.7:4711", "http/1.1": "HTTP/1.1 from 198.51.100.7:4711"}[proto]
		if string(b) != want {
			t.Errorf("got %s, want %s", b, want)
		}
	}
	old := call(t, p.Addrs()[0])
	_, err := io.WriteString(old, "PROXY UNKNOWN\r\n")
	must(t, err)
	if err := tls.Client(old.TCPConn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake(); err == nil { //nolint:gosec // that it is refused is the point
		t.Error("TLS 1.1 was taken")
	}
}

// TestPassesOrAnswers passes on TLS for a name that has a route, and ends it for the others.
func TestPassesOrAnswers(t *testing.T) {
	p := opened(t, func(o *Options) { web(o); o.Mode, o.TLS = HTTPSNI, own(t) })
	p.Set(Table{Routes: map[string][]Backend{"db.example.org": {secure(t, "untouched")}}})
	rules := func(name string) *tls.Config {
		return &tls.Config{ServerName: name, InsecureSkipVerify: true} //nolint:gosec // the certificate is nobody's
	}
	c, err := tls.Dial("tcp", p.Addrs()[0], rules("db.example.org"))
	must(t, err)
	defer c.Close()
	if b, err := io.ReadAll(c); string(b) != "untouched" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	c, err = tls.Dial("tcp", p.Addrs()[0], rules("www.example.org"))
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	if got := answerOf(t, bufio.NewReader(c)); !strings.HasPrefix(got, "HTTP/1.1 from 127.0.0.1:") {
		t.Error(got)
	}
}

// TestSlowHeader ends clients that take their time for a header, or say too much in one. Nobody else waits for them.
func TestSlowHeader(t *testing.T) {
	defer func(d time.Duration) { headerTimeout = d }(headerTimeout)
	headerTimeout = 100 * time.Millisecond
	p := opened(t, web)
	for _, begin := range []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: h\r\nX: "} {
		c := call(t, p.Addrs()[0])
		_, err := io.WriteString(c, begin)
		must(t, err)
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %q it waits for ever", begin)
		}
	}
	headerTimeout = limit
	q := opened(t, web)
	c := call(t, q.Addrs()[0])
	go func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nX: "+strings.Repeat("x", 4*headerSize)) }()
	resp, err := http.ReadResponse(c.r, nil)
	must(t, err)
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of %d bytes: %s", 4*headerSize, resp.Status)
	}
}

// TestHTTPEnds closes a proxy that has an idle client and one that speaks something else by now: retiring lets go of the first at once, closing of both.
func TestHTTPEnds(t *testing.T) {
	p := opened(t, func(o *Options) { web(o); o.Drain = 0 })
	idle, raw := call(t, p.Addrs()[0]), call(t, p.Addrs()[0])
	get(t, idle)
	_, err := io.WriteString(raw, "GET /raw HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	raw.says(t, "raw")
	retired := make(chan struct{})
	go func() {
		defer close(retired)
		p.Retire()
	}()
	if _, err := idle.line(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle one: %v", err)
	}
	_, err = io.WriteString(raw, "still\n")
	must(t, err)
	raw.says(t, "still")
	p.Close()
	<-retired
	if _, err := raw.line(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the other one outlives the proxy: %v", err)
	}
}

// TestModeChanges makes a proxy another kind where it listens: who is connected stays what it was.
func TestModeChanges(t *testing.T) {
	f := NewFleet(slog.New(slog.DiscardHandler))
	defer f.Close()
	o := DefaultOptions(freePort(t))
	must(t, f.Configure(map[string]Options{"x": o}))
	f.Set("x", Table{Routes: plain(answering(t, "a").backend())})
	c := call(t, o.Listen[0])
	c.says(t, "a")
	web(&o)
	must(t, f.Configure(map[string]Options{"x": o}))
	if got := get(t, call(t, o.Listen[0])); !strings.HasPrefix(got, "HTTP/1.1") {
		t.Error(got)
	}
	_, err := io.WriteString(c, "still\n")
	must(t, err)
	c.says(t, "still")
	o.Idle = time.Hour
	must(t, f.Configure(map[string]Options{"x": o})) // another server; the clients of the one before stay
	get(t, call(t, o.Listen[0]))
}

// TestServerEnds holds that nothing is left of a server that another has taken the place of, once its last client has gone, even one that speaks something else.
func TestServerEnds(t *testing.T) {
	p := opened(t, web)
	raw := call(t, p.Addrs()[0])
	_, err := io.WriteString(raw, "GET /raw HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	raw.says(t, "raw")
	p.mu.Lock()
	old := p.server
	p.mu.Unlock()
	o := *p.opts.Load()
	o.Idle = time.Hour
	p.Configure(o)
	get(t, call(t, p.Addrs()[0]))
	_, err = io.WriteString(raw, "still\n")
	must(t, err)
	raw.says(t, "still")
	select {
	case <-old.over:
		t.Fatal("the server has ended before its client")
	default:
	}
	must(t, raw.Close())
	select {
	case <-old.over:
	case <-time.After(30 * time.Second):
		t.Error("the server outlives its last client")
	}
}

// TestDynamic listens where routes say, as they come and go.
func TestDynamic(t *testing.T) {
	p := opened(t, func(o *Options) { o.Mode, o.Hold = Dynamic, 0 })
	one, two := freePort(t), freePort(t)
	p.Set(Table{Why: "w", Routes: map[string][]Backend{one: {answering(t, "a").backend()}, two: {answering(t, "b").backend()}}})
	c := call(t, one)
	c.says(t, "a")
	call(t, two).says(t, "b")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	third := taken.Addr().String()
	p.Set(Table{Why: "w", Routes: map[string][]Backend{two: {answering(t, "b").backend()}, third: {answering(t, "c").backend()}}})
	if d, err := net.Dial("tcp", one); err == nil {
		_ = d.Close()
		t.Error("a port without a route is listened on")
	}
	_, err = io.WriteString(c, "still\n") // it drains
	must(t, err)
	c.says(t, "still")
	if got, want := p.Status().Why, "w; cannot listen on "+third+" (address already in use)"; got != want {
		t.Errorf("why: %s, want %s", got, want)
	}
	must(t, taken.Close())
	eventually(t, "the port that has become free is listened on", func() bool { return p.Status().Why == "w" })
	call(t, third).says(t, "c")
}

// first is the first line that an address says. That it breaks the connection may be noticed when it is made.
func first(addr string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(limit)) // on a live socket
	s, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(s, "\n"), err
}

// TestTerms lets clients in, or turns them away at once, and sends a header to the backend that wants one.
func TestTerms(t *testing.T) {
	here, elsewhere := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	p := opened(t, func(o *Options) { o.Hold = limit })
	b := answering(t, "a").backend()
	for _, c := range []struct {
		allow, deny []netip.Prefix
		in          bool
	}{{nil, here, false}, {elsewhere, nil, false}, {here, here, false}, {here, elsewhere, true}, {nil, nil, true}} {
		b.Allow, b.Deny = c.allow, c.deny
		p.Set(Table{Routes: plain(b)})
		switch s, err := first(p.Addrs()[0]); {
		case c.in && s != "a":
			t.Errorf("allow %v, deny %v: %q, %v", c.allow, c.deny, s, err)
		case !c.in && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)):
			t.Errorf("allow %v, deny %v: not turned away: %q, %v", c.allow, c.deny, s, err)
		}
	}
	if n := len(p.Status().Backends); n != 1 {
		t.Errorf("other terms made other backends: %d", n)
	}
	wants, ch := hearing(t)
	wants.SendProxy = 1
	p.Set(Table{Routes: plain(wants)})
	c := call(t, p.Addrs()[0])
	_, err := io.WriteString(c, "hello\n")
	must(t, err)
	if h := <-ch; h.err != nil || h.header.Version != 1 || h.line != "hello\n" {
		t.Errorf("%+v", h)
	}
}
