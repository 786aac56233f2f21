package httpapi

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// connLimit is a listener that refuses clients who hold too many connections. Unix sockets have no address and no limit.
type connLimit struct {
	net.Listener
	most int // connections of one client, 0 means no limit

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
			return c, nil
		}
		client := tcp.AddrPort().Addr().Unmap()
		if l.take(client) {
			return &countedConn{Conn: c, release: sync.OnceFunc(func() { l.release(client) })}, nil
		}
		_ = c.SetWriteDeadline(time.Now().Add(time.Second)) // it fits into the socket's empty buffer and does not wait
		_, _ = c.Write(tooManyConns())
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

// countedConn is a connection that gives its place back when it closes.
type countedConn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
