package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestDial wants a refusal to be told at once, by an address and by a name, and a connection that is there to carry bytes.
func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	accepted := make(chan net.Conn, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	addrs := []string{l.Addr().String(), "localhost:" + port, "[::ffff:127.0.0.1]:" + port}
	for _, addr := range addrs {
		c, err := dial(t.Context(), addr, limit)
		must(t, err)
		s := <-accepted
		_, err = c.Write([]byte("hello"))
		must(t, err)
		b := make([]byte, 8)
		if n, err := s.Read(b); string(b[:n]) != "hello" || err != nil {
			t.Errorf("%s: %q, %v", addr, b[:n], err)
		}
		must(t, s.Close())
		must(t, c.Close())
	}
	must(t, l.Close())
	for _, addr := range addrs {
		if c, err := dial(t.Context(), addr, limit); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s, where nobody listens: %v, %v", addr, c, err)
		}
	}
}

// silent is an address whose kernel answers nobody: its queue is full.
func silent(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	f := os.NewFile(uintptr(fd), "silent")
	t.Cleanup(func() { _ = f.Close() })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	sa, err := syscall.Getsockname(fd)
	must(t, err)
	addr := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*syscall.SockaddrInet4).Port}).String()
	for range 16 {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("this kernel takes connections beyond the queue that was asked for: nobody is silent")
	return ""
}

// TestDialEnds gives up on a backend that does not answer: by the limit, and with the context.
func TestDialEnds(t *testing.T) {
	addr := silent(t)
	if _, err := dial(t.Context(), addr, 20*time.Millisecond); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("after the limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := dial(ctx, addr, 10*limit)
		ended <- err
	}()
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("connected to an address that does not answer")
		}
	case <-time.After(limit):
		t.Error("a dial outlives its context")
	}
}
