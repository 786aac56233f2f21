package proxy

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// client is a client's connection, and what was read of it before it is passed on.
type client struct {
	conn  *conn
	from  net.Addr // the client, as another proxy may have told
	to    net.Addr // where it connected to
	early []byte   // read, and not yet passed on
	route string
}

// link is a client with its backend.
type link struct {
	client  *client
	backend *conn
}

// cut breaks both sides at once.
func (l *link) cut() {
	l.client.conn.abort()
	l.backend.abort()
}

func (l *link) close() {
	_ = l.client.conn.Close() // both have said all they had to say, or never will
	_ = l.backend.Close()     //
}

// greetingTimeout is how long a client has for what it must say first: its PROXY header, or its TLS hello.
const greetingTimeout = 5 * time.Second

// pass serves one client, to its end where it is passed on as it is.
func (p *Proxy) pass(tcp *net.TCPConn, route string) {
	o := p.opts.Load()
	c, err := p.greet(tcp, route, o)
	if err != nil {
		p.log.Debug("a client was turned away", "client", tcp.RemoteAddr(), "error", err)
		_ = tcp.Close() // it gets nothing
		p.gate.leave()
		return
	}
	if o.Mode == HTTP || o.Mode == HTTPSNI && c.route == "" {
		p.answer(tcp, c, o) // it leaves the gate when it is closed
		return
	}
	defer p.gate.leave()
	l, t, err := p.connect(c, o)
	if err != nil {
		p.turned.Add(1)
		p.log.Debug("a client got no backend", "client", c.from, "error", err)
		c.conn.abort() // refused is what it is, not an orderly end
		return
	}
	defer t.active.Add(-1)
	defer t.remove(l)
	p.relay(l, t, o.Idle)
}

// greet reads what the client must say before a backend can be chosen.
func (p *Proxy) greet(tcp *net.TCPConn, route string, o *Options) (*client, error) {
	conn, err := newConn(tcp)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, from: tcp.RemoteAddr(), to: tcp.LocalAddr(), route: route}
	trusted := len(o.AcceptProxy) > 0 && contains(o.AcceptProxy, addrOf(c.from))
	named := o.Mode == SNI || o.Mode == HTTPSNI
	if !trusted && !named {
		return c, nil
	}
	stop := context.AfterFunc(p.ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(greetingTimeout)) // on a live socket
	r := bufio.NewReaderSize(conn, 4096)
	if trusted {
		if err := c.readHeader(r); err != nil {
			return nil, err
		}
	}
	if named {
		name, read, err := serverName(r)
		if err != nil {
			return nil, err
		}
		c.early, c.route = read, p.table.Load().match(name)
	}
	rest, _ := r.Peek(r.Buffered()) // what is buffered is there
	c.early = append(c.early, rest...)
	return c, conn.SetReadDeadline(time.Time{})
}

var (
	errNoBackend = errors.New("no backend took the connection in time")
	errDenied    = errors.New("no backend may be used from its address")
)

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
