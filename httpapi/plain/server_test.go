package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// testServer is a Server and an http.Server with one handler on a free port of the loopback.
type testServer struct {
	*Server
	others *http.Server
	addr   string
}

func serve(t testing.TB, h http.HandlerFunc) *testServer {
	t.Helper()
	return serveWithin(t, time.Minute, time.Minute, h)
}

func serveWithin(t testing.TB, first, idle time.Duration, h http.HandlerFunc) *testServer {
	t.Helper()
	return serveAt(t, listen(t, "tcp", "127.0.0.1:0"), first, idle, h)
}

func listen(t testing.TB, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serveAt(t testing.TB, l net.Listener, first, idle time.Duration, h http.HandlerFunc) *testServer {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	others := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(log.Handler(), 0)}
	s := New(Config{Context: context.WithValue(context.Background(), plainKey{}, true), Others: others, FirstTimeout: first, IdleTimeout: idle}, log)
	if err := s.Open(h); errors.Is(err, errors.ErrUnsupported) {
		_ = l.Close()
		t.Skip("plain requests are net/http's on this system")
	} else if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- others.Serve(s.Take(l)) }()
	mine := &testServer{s, others, l.Addr().String()}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := mine.end(ctx); err != nil {
			t.Errorf("the server does not end: %v", err)
		}
		<-served
	})
	return mine
}

// end ends both servers.
func (s *testServer) end(ctx context.Context) error {
	_ = s.others.Close()
	return s.Shutdown(ctx)
}

// plainKey is in the contexts of plain requests alone.
type plainKey struct{}

// isPlain is whether a request did not come by net/http.
func isPlain(r *http.Request) bool { return r.Context().Value(plainKey{}) != nil }

// dial opens a connection that fails rather than hangs.
func (s *testServer) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// reply is an answer but for the time of it.
type reply struct {
	status  string
	header  http.Header
	body    string
	length  int64
	chunked []string
	last    bool
}

func ask(t *testing.T, c net.Conn, request string) reply {
	t.Helper()
	fmt.Fprint(c, request)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("the date is %q", resp.Header.Get("Date"))
	}
	resp.Header.Del("Date")
	return reply{resp.Status, resp.Header, string(b), resp.ContentLength, resp.TransferEncoding, resp.Close}
}

// TestHandedOver sends plain requests, one that is not, and one behind it, on one connection.
func TestHandedOver(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprint(w, isPlain(r), r.Method, r.URL, string(b), err)
	})
	for _, x := range []struct{ first, then, want string }{
		{"PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "", "falsePUT/babc<nil>"},
		{"PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", "abc", "falsePUT/babc<nil>"},
		{"GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "", "falseGET/b<nil>"},
	} {
		c := s.dial(t)
		for range 2 {
			if got := ask(t, c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); got.body != "trueGET/a<nil>" {
				t.Errorf("a plain request is answered %q", got.body)
			}
		}
		fmt.Fprint(c, x.first)
		if got := ask(t, c, x.then); got.body != x.want {
			t.Errorf("%q is answered %q, want %q", x.first+x.then, got.body, x.want)
		}
		if got := ask(t, c, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n"); got.body != "falseGET/c<nil>" {
			t.Errorf("a request behind it is answered %q", got.body)
		}
	}
}

// TestInPieces sends a plain request in pieces, which mostly arrive one by one: it is answered all the same.
func TestInPieces(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL) })
	for _, at := range []int{1, 4, 15, 17, 26, 27} {
		c := s.dial(t)
		const request = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
		fmt.Fprint(c, request[:at])
		<-time.After(5 * time.Millisecond)
		if got := ask(t, c, request[at:]); got.body != "/b" {
			t.Errorf("cut at %d it is answered %q", at, got.body)
		}
	}
}

// TestPipelined sends two requests at once: both are answered, in their order.
func TestPipelined(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	c := s.dial(t)
	fmt.Fprint(c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(c)
	for _, want := range []string{"/a", "/b"} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != want {
			t.Errorf("answered %q %v, want %q", b, err, want)
		}
	}
}

// TestHangUp has clients that go away while they are being answered, in both ways that there are.
func TestHangUp(t *testing.T) {
	began, ended := make(chan struct{}), make(chan bool)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/at-once" {
			return
		}
		began <- struct{}{}
		<-r.Context().Done()
		fmt.Fprint(w, "late")
		ended <- isPlain(r)
	})
	for name, hangUp := range map[string]func(*net.TCPConn) error{"closed": (*net.TCPConn).Close, "half closed": (*net.TCPConn).CloseWrite} {
		c := s.dial(t)
		ask(t, c, "GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n")
		fmt.Fprint(c, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n")
		<-began
		if err := hangUp(c); err != nil {
			t.Fatal(err)
		}
		if !<-ended {
			t.Errorf("%s: the request was net/http's", name)
		}
		if name == "closed" {
			continue
		}
		if b, err := io.ReadAll(c); err != nil || string(b[max(0, len(b)-4):]) != "late" {
			t.Errorf("%s: the client reads %q %v", name, b, err)
		}
	}
}

// TestContextEnds checks that what a handler leaves behind ends with its request, though the connection lives on.
func TestContextEnds(t *testing.T) {
	contexts := make(chan context.Context, 1)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { contexts <- r.Context() })
	c := s.dial(t)
	for range 2 {
		ask(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		ctx := <-contexts
		<-ctx.Done()
		if a, ok := ctx.Value(http.LocalAddrContextKey).(*net.TCPAddr); !ok || a.String() != s.addr {
			t.Errorf("the local address is %v, want %s", a, s.addr)
		}
	}
}

// TestSilence has clients that say nothing, or nothing more.
func TestSilence(t *testing.T) {
	const short = 30 * time.Millisecond
	answer := func(http.ResponseWriter, *http.Request) {}
	silent, spoke := serveWithin(t, short, time.Minute, answer).dial(t), serveWithin(t, time.Minute, short, answer).dial(t)
	ask(t, spoke, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, c := range []net.Conn{silent, spoke} {
		if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
			t.Errorf("the client reads %q %v, want an end", b, err)
		}
	}
}

// TestShutdown ends a server with a connection that waits and one that is being answered: in good order, and when there is no time for it.
func TestShutdown(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		began, finish := make(chan struct{}), make(chan struct{})
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(began)
				<-finish
				fmt.Fprint(w, "done")
			}
		})
		waits, slow := s.dial(t), s.dial(t)
		ask(t, waits, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		fmt.Fprint(slow, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
		<-began
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.end(ctx) }()
		if b, err := io.ReadAll(waits); err != nil || len(b) > 0 {
			t.Errorf("who waits reads %q %v, want an end", b, err)
		}
		if inTime {
			close(finish)
			if got := ask(t, slow, ""); got.body != "done" || !got.last {
				t.Errorf("the last answer is %+v, want done and the end of the connection", got)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			cancel()
			continue
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the end says %v, though a request is being answered", err)
		}
		if b, err := io.ReadAll(slow); err != nil || len(b) > 0 {
			t.Errorf("who is being answered reads %q %v, want an end", b, err)
		}
		close(finish)
	}
}

// TestEndBeforeBegin ends servers that have not begun.
func TestEndBeforeBegin(t *testing.T) {
	if err := New(Config{}, nil).Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	if err := s.end(t.Context()); err != nil {
		t.Error(err)
	}
}
