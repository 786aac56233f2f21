package httpapi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// connLimit is a listener that refuses clients who hold too many connections. Unix sockets have no address and no limit.
type connLimit struct {
	net.Listener
	most      int           // connections of one client, 0 means no limit
	writeTime time.Duration // of each connection
	secure    bool          // TLS is spoken here

	mu   *sync.Mutex // guards following; several listeners share it
	open map[netip.Addr]int
}

// tooManyConns is the answer to a connection that may not stay.
func tooManyConns() []byte {
	const why = "this client has too many connections open: close some, or raise limits.http_max_conns_per_client"
	return fmt.Appendf(nil, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		len(why), why)
}

// Accept waits for a connection that may stay.
func (l *connLimit) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.RemoteAddr().(*net.TCPAddr)
		if !ok || l.most <= 0 {
			return &boundedConn{Conn: c, writeTime: l.writeTime, began: time.Now(), release: func() {}}, nil
		}
		client := tcp.AddrPort().Addr().Unmap()
		if l.take(client) {
			return &boundedConn{Conn: c, writeTime: l.writeTime, began: time.Now(), release: sync.OnceFunc(func() { l.release(client) })}, nil
		}
		if !l.secure { // else it would have to be told inside TLS, and a handshake is what it must not cost
			_ = c.SetWriteDeadline(time.Now().Add(time.Second)) // it fits into the socket's empty buffer and does not wait
			_, _ = c.Write(tooManyConns())
		}
		_ = c.Close()
	}
}

func (l *connLimit) take(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client] >= l.most {
		return false
	}
	l.open[client]++
	return true
}

func (l *connLimit) release(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] <= 0 {
		delete(l.open, client)
	}
}

// boundedConn is a connection that gives its place back when it closes, and whose writes end: a client that asks and does not read would hold
// its requests and their answers for ever.
type boundedConn struct {
	net.Conn
	writeTime time.Duration
	release   func()
	began     time.Time
	until     atomic.Int64 // the write deadline that Write has set, from began on; 0 where there is none
}

// Write gives the client writeTime to take b, or up to an eighth less: most answers find a deadline that is still good, and need not set one.
func (c *boundedConn) Write(b []byte) (int, error) {
	now := time.Since(c.began)
	if left := time.Duration(c.until.Load()) - now; left < c.writeTime*7/8 {
		c.until.Store(int64(now + c.writeTime))
		_ = c.Conn.SetWriteDeadline(c.began.Add(now + c.writeTime))
	}
	return c.Conn.Write(b)
}

// SetWriteDeadline leaves what Write has set where there is to be none, as net/http says after each answer.
func (c *boundedConn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	c.until.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets both.
func (c *boundedConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SyscallConn is the connection as the kernel knows it, for who waits for what the kernel alone can tell.
func (c *boundedConn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite ends our direction: net/http does so, and then waits a moment, where a client that is still sending would else lose the answer.
func (c *boundedConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close closes the connection.
func (c *boundedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
