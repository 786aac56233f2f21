package rpc

import (
	"net"
	"testing"

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
	for name, conn := range map[string]net.Conn{"dialed": out, "accepted": in.(*raftConn).Conn} {
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
