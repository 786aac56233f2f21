package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/failover/proxy/htpasswd"
)

// limit is how long a test waits for what must happen.
const limit = 20 * time.Second

// behind is a proxy before a handler.
func behind(t *testing.T, o Options, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	_, addr := serving(t, o, target(t, "urlprefix-/", "a", s.Listener.Addr().String()))
	return addr
}

func dialed(t *testing.T, addr, say string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(limit)))
	_, err = io.WriteString(c, say)
	must(t, err)
	return c, bufio.NewReader(c)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestEvents sends the next event only once the client has the one before: so each is passed on as it comes, and a pause that is longer than
// a client's patience with bytes breaks nothing.
func TestEvents(t *testing.T) {
	got := make(chan bool)
	addr := behind(t, Options{Idle: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-got:
			case <-r.Context().Done():
				return
			}
			<-time.After(100 * time.Millisecond)
		}
	})
	resp, err := http.Get("http://" + addr + "/")
	must(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := r.ReadString('\n')
		must(t, err)
		if want := fmt.Sprintf("data: %d\n", i); line != want {
			t.Errorf("%q, want %q", line, want)
		}
		_, err = r.ReadString('\n')
		must(t, err)
		got <- true
	}
}

// TestTrailers passes trailers both ways.
func TestTrailers(t *testing.T) {
	addr := behind(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Sum")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Sum", r.Trailer.Get("Checked"))
		w.Header().Set(http.TrailerPrefix+"Unannounced", "yes")
	})
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", io.NopCloser(strings.NewReader("body")))
	must(t, err)
	req.Trailer = http.Header{"Checked": {"42"}}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	if string(b) != "body" || resp.Trailer.Get("Sum") != "42" || resp.Trailer.Get("Unannounced") != "yes" {
		t.Errorf("%s %v", b, resp.Trailer)
	}
}

// TestContinue holds that a client which asks before it sends is answered by the instance: told to go on, or refused without a byte of the body.
func TestContinue(t *testing.T) {
	addr := behind(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "too much", http.StatusRequestEntityTooLarge)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	})
	const ask = "POST %s HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	_, r := dialed(t, addr, fmt.Sprintf(ask, "/no"))
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("refused with %s", resp.Status)
	}
	c, r := dialed(t, addr, fmt.Sprintf(ask, "/yes"))
	line, err := r.ReadString('\n')
	must(t, err)
	if line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("heard %q", line)
	}
	_, err = r.ReadString('\n')
	must(t, err)
	_, err = io.WriteString(c, "hello")
	must(t, err)
	resp, err = http.ReadResponse(r, nil)
	must(t, err)
	if b, err := io.ReadAll(resp.Body); string(b) != "hello" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// TestBodyCutOff lets a client go in the middle of its body, or take too long: the instance must see that it is not whole.
func TestBodyCutOff(t *testing.T) {
	whole := make(chan error, 1)
	addr := behind(t, Options{Idle: 100 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		whole <- err
	})
	for _, head := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		for _, goes := range []bool{true, false} {
			part := "some of it"
			if strings.HasPrefix(head, "T") {
				part = "a\r\n" + part + "\r\n"
			}
			c, r := dialed(t, addr, "POST / HTTP/1.1\r\nHost: h\r\n"+head+"\r\n\r\n"+part)
			if goes {
				must(t, c.Close())
			}
			select {
			case err := <-whole:
				if err == nil {
					t.Errorf("%s, goes %t: the instance takes a part for the whole", head, goes)
				}
			case <-time.After(limit):
				t.Fatalf("%s, goes %t: the instance waits for ever", head, goes)
			}
			if _, err := io.Copy(io.Discard, r); !goes && errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the client is waited for, for ever", head)
			}
		}
	}
}

// TestSlowReader holds that a client which takes nothing of its answer is let go, and the instance too; meanwhile little is kept for it.
func TestSlowReader(t *testing.T) {
	ended := make(chan int64, 1)
	addr := behind(t, Options{Idle: 200 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		n, err := io.Copy(w, endless{})
		if err != nil {
			ended <- n
		}
	})
	_, _ = dialed(t, addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	select {
	case n := <-ended:
		if n > 64<<20 {
			t.Errorf("%d bytes were taken from the instance for a client that takes none", n)
		}
	case <-time.After(limit):
		t.Error("the instance goes on for ever")
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestWholeBodyToTheNext sends a large body while the instance that is tried first is dead.
func TestWholeBodyToTheNext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%d bytes of %d, %v", len(b), len(want), err)
		}
	}))
	defer s.Close()
	h, addr := serving(t, Options{}, target(t, "urlprefix-/", "dead", l.Addr().String()), target(t, "urlprefix-/", "alive", s.Listener.Addr().String()))
	for range 10 {
		resp, err := http.Post("http://"+addr+"/", "", bytes.NewReader(want))
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	for _, c := range h.Counts() {
		if c.ID == "dead" && c.Failed == 0 {
			t.Error("the dead one was never tried")
		}
	}
}

// TestWebsocketEnds passes bytes both ways after an upgrade, for longer than a client's patience, and the end of one side to the other.
func TestWebsocketEnds(t *testing.T) {
	ended := make(chan error, 1)
	addr := behind(t, Options{Idle: 50 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, err = io.Copy(c, rw)
		ended <- err
	})
	c, r := dialed(t, addr, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	for range 3 {
		<-time.After(100 * time.Millisecond)
		_, err = io.WriteString(c, "ping\n")
		must(t, err)
		if s, err := r.ReadString('\n'); s != "ping\n" || err != nil {
			t.Fatalf("%q, %v", s, err)
		}
	}
	must(t, c.Close())
	select {
	case <-ended:
	case <-time.After(limit):
		t.Error("the instance does not hear that the client has gone")
	}
}

// TestAuth lets in those whom a file names, to the route that asks for them.
func TestAuth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "team")
	must(t, os.WriteFile(path, []byte("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"), 0o600))
	f, err := htpasswd.Open(path)
	must(t, err)
	a := instance(t, "a")
	_, addr := serving(t, Options{Users: map[string]*htpasswd.File{"team": f}}, target(t, "urlprefix-/team auth=team", "a", a), target(t, "urlprefix-/none auth=others", "a", a), target(t, "urlprefix-/open", "a", a))
	for _, c := range []struct {
		path, user, password string
		want                 int
	}{
		{"/team", "ann", "secret", 200}, {"/team", "ann", "wrong", 401}, {"/team", "bob", "secret", 401}, {"/team", "", "", 401}, {"/none", "ann", "secret", 401}, {"/open", "", "", 200},
	} {
		req, err := http.NewRequest(http.MethodGet, "http://"+addr+c.path, nil)
		must(t, err)
		if c.user != "" {
			req.SetBasicAuth(c.user, c.password)
		}
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != c.want || c.want == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), `Basic realm="`) {
			t.Errorf("%+v: %s %v", c, resp.Status, resp.Header)
		}
	}
}

// TestVerifies asks instances with TLS: by the name that the route gives, or by the address, and with any certificate where the route says so.
func TestVerifies(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) })) // for example.com and 127.0.0.1
	defer s.Close()
	addr := s.Listener.Addr().String()
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	for _, c := range []struct {
		tag  string
		pool *x509.CertPool
		want string
	}{
		{"urlprefix-/ proto=https", trusted, "200 h"},
		{"urlprefix-/ proto=https host=example.com", trusted, "200 example.com"},
		{"urlprefix-/ proto=https host=other.org", trusted, "502 "},
		{"urlprefix-/ proto=https host=dst", trusted, "200 " + addr},
		{"urlprefix-/ proto=https", nil, "502 "},
		{"urlprefix-/ proto=https host=other.org tlsskipverify=true", nil, "200 other.org"},
	} {
		_, at := serving(t, Options{Authorities: c.pool}, target(t, c.tag, "a", addr))
		code, body, _ := ask(t, at, "h", "/", "")
		if got := fmt.Sprintf("%d %s", code, body); got != c.want {
			t.Errorf("%s: %s, want %s", c.tag, got, c.want)
		}
	}
}

// TestGRPC passes what a gRPC client needs: HTTP/2 without TLS to the instance, streams both ways, and trailers.
func TestGRPC(t *testing.T) {
	var clear http.Protocols
	clear.SetUnencryptedHTTP2(true)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		c := http.NewResponseController(w)
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintf(w, "%s %s %s\n", r.Proto, r.Header.Get("Te"), lines.Text())
			_ = c.Flush()
		}
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = &clear
	s.Start()
	defer s.Close()
	h, _ := serving(t, Options{}, target(t, "urlprefix-/pkg.Service proto=grpc", "a", s.Listener.Addr().String()))
	front := httptest.NewUnstartedServer(h)
	front.Config.Protocols = &clear
	front.Start()
	defer front.Close()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	body, say := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, front.URL+"/pkg.Service/Method", body)
	must(t, err)
	req.Header.Set("Te", "trailers")
	go func() { _, _ = io.WriteString(say, "one\n") }()
	resp, err := (&http.Transport{Protocols: &clear}).RoundTrip(req)
	must(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two"} {
		if word == "two" {
			_, err := io.WriteString(say, "two\n")
			must(t, err)
		}
		if line, err := r.ReadString('\n'); line != "HTTP/2.0 trailers "+word+"\n" || err != nil {
			t.Fatalf("%q, %v", line, err)
		}
	}
	must(t, say.Close())
	if _, err := r.ReadString('\n'); !errors.Is(err, io.EOF) || resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%v %v", err, resp.Trailer)
	}
}

// TestAdmitsByForwarded takes the client's address from a proxy that is believed, and from no other.
func TestAdmitsByForwarded(t *testing.T) {
	to := target(t, "urlprefix-/ allow=ip:203.0.113.0/24", "a", instance(t, "a"))
	_, plain := serving(t, Options{}, to)
	_, trusting := serving(t, Options{Trust: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}}, to)
	for _, c := range []struct {
		addr, via string
		want      int
	}{
		{plain, "203.0.113.9", 403}, {trusting, "203.0.113.9", 200}, {trusting, "203.0.113.9, 10.0.0.7", 200}, {trusting, "203.0.113.9, 198.51.100.1", 403}, {trusting, "", 403}, {trusting, "nonsense", 403},
	} {
		if code, _, _ := ask(t, c.addr, "h", "/", "", "X-Forwarded-For", c.via); code != c.want {
			t.Errorf("%q: %d, want %d", c.via, code, c.want)
		}
	}
}
