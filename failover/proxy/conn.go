package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a TCP connection as this package moves bytes through it.
type conn struct {
	socket
	raw syscall.RawConn
}

// socket is what a conn needs of a net.TCPConn or of an os.File.
type socket interface {
	io.Closer
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// newConn takes a socket over, also when it fails.
func newConn(s socket) (*conn, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		_ = s.Close() // nobody has used it
		return nil, err
	}
	return &conn{s, raw}, nil
}

// dial connects to a backend, within limit and while ctx lasts.
func dial(ctx context.Context, addr string, limit time.Duration) (*conn, error) {
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().Zone() == "" {
		return dialAddr(ctx, a, limit)
	}
	return dialName(ctx, addr, limit)
}

// dialName connects to any address that net understands: a name, or an interface's own.
func dialName(ctx context.Context, addr string, limit time.Duration) (*conn, error) {
	d := net.Dialer{Timeout: limit, KeepAlive: -1} // without keep-alive: a backend that dies silently is found out by the catalog
	d.SetMultipathTCP(false)                       // the kernel does not splice it
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return newConn(c.(*net.TCPConn))
}

// abort breaks a connection. What is under way is thrown away: the peer must not take it for done.
func (c *conn) abort() {
	_ = c.raw.Control(func(fd uintptr) { // it may be closed already
		_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	_ = c.Close() //
}

// hungUp reports whether a client that waits has gone: it is looked at without taking anything from it.
func (c *conn) hungUp() (gone bool) {
	var b [1]byte
	err := c.raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = err == nil && n == 0 || errors.Is(err, unix.ECONNRESET)
	})
	return gone || err != nil
}
