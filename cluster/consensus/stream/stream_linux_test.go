package stream

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

const patience = 20 * time.Second

// plain is TCP on loopback.
type plain struct{ net.Listener }

func (plain) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", addr, timeout)
}

func newTestStream(t *testing.T) *Stream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(plain{l}, Config{Addr: "10.0.0.1:8300", DialTimeout: patience, UserTimeout: 1500 * time.Millisecond, Anew: func() {}})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// pair is both ends of a connection from a to b.
func pair(t *testing.T, a, b *Stream) (dialled, accepted net.Conn) {
	t.Helper()
	got := make(chan net.Conn)
	go func() {
		c, _ := b.Accept()
		got <- c
	}()
	dialled, err := a.Dial(raft.ServerAddress(b.layer.Addr().String()), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dialled.Write([]byte("r")); err != nil { // whose connection it is
		t.Fatal(err)
	}
	if accepted = <-got; accepted == nil {
		t.Fatal("nothing was accepted")
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(accepted, first); err != nil || first[0] != 'r' {
		t.Fatalf("the first byte is %q (%v)", first, err)
	}
	return dialled, accepted
}

func TestStreamHasTheAdvertisedAddress(t *testing.T) {
	if a := newTestStream(t).Addr(); a.String() != "10.0.0.1:8300" || a.Network() != "tcp" {
		t.Errorf("address %s %s", a.Network(), a)
	}
}

func TestStreamCutsEveryConnection(t *testing.T) {
	a, b := newTestStream(t), newTestStream(t)
	out, in := pair(t, a, b)
	kept, _ := pair(t, a, b)
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	n := len(a.conns)
	a.mu.Unlock()
	if n != 1 {
		t.Errorf("%d connections are tracked, want 1", n)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{in, out} {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.EAGAIN) {
			t.Errorf("read after the cut: %v", err)
		}
	}
	if _, err := b.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after the cut: %v", err)
	}
	if _, err := b.Dial(raft.ServerAddress(a.layer.Addr().String()), time.Second); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial after the cut: %v", err)
	}
}

func TestStreamsGiveUpSilentPeers(t *testing.T) {
	a, b := newTestStream(t), newTestStream(t)
	out, _ := pair(t, a, b)
	raw := out.(*conn).Conn.(*lively).conn()
	if got := userTimeoutOf(t, raw); got != a.cfg.UserTimeout {
		t.Errorf("user timeout %s, want %s", got, a.cfg.UserTimeout)
	}
	watchPeer(tls.Client(raw, &tls.Config{}), 7*time.Second)
	if got := userTimeoutOf(t, raw); got != 7*time.Second {
		t.Errorf("user timeout below TLS %s, want 7s", got)
	}
	client, server := net.Pipe() // not TCP: nothing to set
	watchPeer(client, time.Second)
	go func() { _, _ = server.Write([]byte("x")) }()
	if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func userTimeoutOf(t *testing.T, c net.Conn) (d time.Duration) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		ms, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		if err != nil {
			t.Error(err)
		}
		d = time.Duration(ms) * time.Millisecond
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestConnectionsAreSorted has connections of both kinds come, and one that says nothing: each reaches whom it is for, and that one delays nobody.
func TestConnectionsAreSorted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lanes := make(chan net.Conn, 1)
	s := New(plain{l}, Config{DialTimeout: patience, Anew: func() {}, LaneFirst: 'L', Lane: func(c net.Conn) { lanes <- c }})
	t.Cleanup(func() { _ = s.Close() })
	var ours []net.Conn
	for range 3 {
		c, err := s.DialLane(raft.ServerAddress(l.Addr().String()))
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, c)
	}
	rest := func(c net.Conn, want string) {
		t.Helper()
		b := make([]byte, len(want))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
			t.Errorf("it reads %q (%v), want %q", b, err, want)
		}
	}
	_, _ = ours[1].Write([]byte("Lane"))
	rest(<-lanes, "ane")
	_, _ = ours[2].Write([]byte("raft"))
	c, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	rest(c, "raft")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range ours {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection outlives its stream")
		}
	}
}
