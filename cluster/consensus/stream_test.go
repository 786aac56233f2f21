package consensus

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

func newTestStream(t *testing.T) *stream {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Addr = "10.0.0.1:8300"
	s := newStream(listen(t), &cfg, func() {})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// pair is both ends of a connection from a to b.
func pair(t *testing.T, a, b *stream) (dialled, accepted net.Conn) {
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
	if accepted = <-got; accepted == nil {
		t.Fatal("nothing was accepted")
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
	if n := len(a.conns); n != 1 {
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
	raw := out.(*streamConn).Conn.(*lively).conn()
	if got := userTimeoutOf(t, raw); got != a.userTimeout {
		t.Errorf("user timeout %s, want %s", got, a.userTimeout)
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
