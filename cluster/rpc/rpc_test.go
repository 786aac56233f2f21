package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/cluster"
)

// What the tests serve. The rest of the numbers are free.
const (
	methodEcho       Method = 1
	methodEchoStream Method = 2
	methodOther      Method = 3
	methodUnserved   Method = 4
)

// patience is how long a test waits for what must happen: far longer than it takes.
const patience = 20 * time.Second

var itoa = strconv.Itoa

// echo serves methodEcho and methodEchoStream, which give back what they get.
func echo(s *Server) {
	s.Handle(methodEcho, func(_ context.Context, req []byte) ([]byte, error) { return req, nil })
	s.HandleStream(methodEchoStream, func(_ context.Context, st *Stream) error {
		for {
			msg, err := st.Recv()
			if err != nil {
				return err
			}
			if err := st.Send(msg); err != nil {
				return err
			}
		}
	})
}

// serve opens a server on loopback, with the handlers that add registers, for the test's life.
func serve(tb testing.TB, opts Options, add func(*Server)) *Server {
	tb.Helper()
	s, err := Listen("127.0.0.1:0", opts)
	if err != nil {
		tb.Fatal(err)
	}
	add(s)
	s.Open()
	tb.Cleanup(func() { closeServer(tb, s) })
	return s
}

func closeServer(tb testing.TB, s *Server) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
}

// newClient makes a client for the test's life.
func newClient(tb testing.TB, opts Options) *Client {
	tb.Helper()
	c := NewClient(opts)
	tb.Cleanup(c.Close)
	return c
}

// counting is a Dial that counts its connections.
func counting(n *atomic.Int64) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		n.Add(1)
		return dialTCP(ctx, addr)
	}
}

// peer is a hand-made member: it accepts on loopback and gives each connection to serve, which may misbehave.
func peer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

// readFrames reads n frames from conn, after its first byte.
func readFrames(t *testing.T, conn net.Conn, n int) []frame {
	t.Helper()
	if _, err := readMux(conn); err != nil {
		t.Errorf("first byte: %v", err)
		return nil
	}
	r := newReader(t.Context(), conn, 1<<20, patience)
	var frames []frame
	for range n {
		f, err := r.next()
		if err != nil {
			t.Errorf("frame: %v", err)
			return frames
		}
		frames = append(frames, f)
	}
	return frames
}

// dialRaw connects to s and writes b.
func dialRaw(t *testing.T, s *Server, b ...byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	return conn
}

// wantClosed fails unless conn is closed by the other side without another word.
func wantClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(conn)
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Fatal("the connection was left open")
	}
	if len(b) > 0 {
		t.Fatalf("the connection carried %q before it was closed", b)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func wantCode(t *testing.T, err error, want cluster.Code) {
	t.Helper()
	if err == nil || cluster.CodeOf(err) != want {
		t.Fatalf("error %v (code %s), want code %s", err, cluster.CodeOf(err), want)
	}
}

// within fails the test if c does not yield in time.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: did not happen within %s", what, patience)
		panic("unreachable")
	}
}
