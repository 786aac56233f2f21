package rpc

import (
	"context"
	"net"
	"time"
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
	return race(ctx, func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) })
}

// anotherAttempt is after how long an attempt to connect gets company. The kernel sends the first packet of a connection, if it was lost, again
// after a second, and then after two more, and the network may be whole again long before.
const anotherAttempt = 250 * time.Millisecond

// race begins one attempt to connect after another, until one of them has an outcome.
func race(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		conn net.Conn
		err  error
	}
	first := make(chan outcome)
	tick := time.NewTicker(anotherAttempt)
	defer tick.Stop()
	for {
		go func() {
			conn, err := dial(ctx)
			select {
			case first <- outcome{conn, err}:
			case <-ctx.Done():
				if conn != nil {
					_ = conn.Close()
				}
			}
		}()
		select {
		case o := <-first:
			return o.conn, o.err
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// listenTCP binds addr; what is accepted from it inherits the user timeout.
func listenTCP(ctx context.Context, addr string) (net.Listener, error) {
	l := net.ListenConfig{KeepAliveConfig: keepAlive(), Control: setUserTimeout}
	return l.Listen(ctx, "tcp", addr)
}
