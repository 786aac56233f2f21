package rpc

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// Both ends of a connection notice an unplugged peer: the kernel is told so.
func TestConnectionsHaveTimeouts(t *testing.T) {
	s := serve(t, Options{}, echo)
	out, err := dialTCP(t.Context(), s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := out.Write([]byte{byte(muxRaft)}); err != nil {
		t.Fatal(err)
	}
	in, err := s.RaftLayer().Accept()
	if err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]net.Conn{"dialed": out, "accepted": in.(*layerConn).Conn} {
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			name                string
			level, option, want int
		}{
			{"user timeout (ms)", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 10000},
			{"keepalive", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"keepalive idle (s)", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 5},
			{"keepalive interval (s)", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1},
			{"no delay", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		} {
			_ = raw.Control(func(fd uintptr) {
				if got, err := unix.GetsockoptInt(int(fd), row.level, row.option); err != nil || got != row.want {
					t.Errorf("%s connection: %s is %d (%v), want %d", name, row.name, got, err, row.want)
				}
			})
		}
	}
}

// TestRace holds that an attempt to connect whose first packet was lost gets company, that the first outcome counts, and that nothing is left
// of the other attempts.
func TestRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts, given, closed atomic.Int32
		begun := time.Now()
		dial := func(wholeAfter, takes time.Duration) func(context.Context) (net.Conn, error) {
			return func(ctx context.Context) (net.Conn, error) {
				attempts.Add(1)
				for time.Since(begun) < wholeAfter {
					select {
					case <-time.After(time.Second): // the kernel's second try
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}
				<-time.After(takes)
				given.Add(1)
				return closing{closed: &closed}, nil
			}
		}
		for _, x := range []struct {
			wholeAfter, takes, want time.Duration
			attempts                int32
		}{
			{0, 0, 0, 1},
			{0, 300 * time.Millisecond, 300 * time.Millisecond, 2}, // a long way
			{400 * time.Millisecond, time.Millisecond, 501 * time.Millisecond, 3},
			{4 * time.Second, 0, 2900 * time.Millisecond, 12},
		} {
			attempts.Store(0)
			given.Store(0)
			closed.Store(0)
			begun = time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 2900*time.Millisecond)
			conn, err := race(ctx, dial(x.wholeAfter, x.takes))
			took := time.Since(begun)
			cancel()
			time.Sleep(2 * time.Second) //nolint:forbidigo // the clock of a bubble
			wins := int32(0)
			if conn != nil {
				wins = 1
			}
			if took != x.want || attempts.Load() != x.attempts || given.Load()-wins != closed.Load() || (err == nil) != (conn != nil) {
				t.Errorf("whole after %s, %s away: %v after %s, %d attempts; %d connections, %d closed", x.wholeAfter, x.takes, err, took, attempts.Load(), given.Load(), closed.Load())
			}
		}
		refused := errors.New("refused")
		if _, err := race(t.Context(), func(context.Context) (net.Conn, error) { return nil, refused }); !errors.Is(err, refused) {
			t.Errorf("refused: %v", err)
		}
	})
}

// closing is a connection that counts its end.
type closing struct {
	net.Conn
	closed *atomic.Int32
}

func (c closing) Close() error {
	c.closed.Add(1)
	return nil
}
