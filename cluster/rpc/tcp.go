package rpc

import (
	"context"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An idle connection is probed after 5 s, each second. Either that or data that nobody acknowledges ends it 10 s after the
// peer's last word (RFC 5482; Linux lets the user timeout decide for both).
const (
	keepAliveIdle     = 5 * time.Second
	keepAliveInterval = time.Second
	userTimeout       = 10 * time.Second
)

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: int((userTimeout - keepAliveIdle) / keepAliveInterval)}
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive(), Control: setUserTimeout}
	return d.DialContext(ctx, "tcp", addr)
}

// listenTCP binds addr; what is accepted from it inherits the user timeout.
func listenTCP(ctx context.Context, addr string) (net.Listener, error) {
	l := net.ListenConfig{KeepAliveConfig: keepAlive(), Control: setUserTimeout}
	return l.Listen(ctx, "tcp", addr)
}

func setUserTimeout(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
