package rpc

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Layer is a part of the port that belongs to another protocol: a listener for the connections that members open to this one for it,
// and the way to open one. There is one for raft, of which consensus makes a raft.StreamLayer, and one for requests of the API that members hand to
// one another. Its connections carry raw bytes, with deadlines.
type Layer struct {
	s      *Server
	mux    mux
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newLayer(s *Server, m mux) *Layer {
	return &Layer{s: s, mux: m, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next connection; net.ErrClosed says that the layer or the server was closed. A connection that nobody accepts
// within HelloTimeout is closed. Closing the server closes the accepted ones.
func (l *Layer) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
	case <-l.s.ctx.Done():
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
}

// Close refuses connections of this protocol from now on. The other uses of the port go on, and so do the connections that were accepted.
func (l *Layer) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the port's address.
func (l *Layer) Addr() net.Addr { return l.s.Addr() }

// Dial opens a connection of this protocol to the member at addr.
func (l *Layer) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	return l.DialContext(l.s.ctx, addr, timeout)
}

// DialContext is Dial for as long as ctx lasts.
func (l *Layer) DialContext(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := l.s.opts.connect(ctx, addr, l.mux)
	if err != nil {
		return nil, err
	}
	return &layerConn{Conn: conn, stop: func() bool { return true }, over: make(chan struct{})}, nil
}

// hand passes conn to whoever accepts, and closes it if nobody does. The channel is closed with the connection.
func (l *Layer) hand(ctx context.Context, conn net.Conn) <-chan struct{} {
	late := time.NewTimer(l.s.opts.HelloTimeout)
	defer late.Stop()
	c := &layerConn{Conn: conn, over: make(chan struct{})}
	c.stop = context.AfterFunc(ctx, func() { abort(conn) })
	select {
	case l.conns <- c:
		return c.over
	case <-late.C:
		l.s.refused(conn, fmt.Errorf("this member does not accept connections of kind %#x", byte(l.mux)))
	case <-l.closed:
	case <-ctx.Done():
	}
	_ = c.Close()
	return c.over
}

// layerConn is a connection of a layer's. One that was accepted is closed by the server if its owner has not.
type layerConn struct {
	net.Conn
	stop func() bool // forgets the above
	once sync.Once
	over chan struct{} // closed with the connection
}

// Close closes the connection, and never waits for the peer, as closing TLS may: raft has nothing more to say to it, and much to do.
func (c *layerConn) Close() error {
	c.stop()
	c.once.Do(func() { close(c.over) })
	abort(c.Conn)
	return nil
}

// NetConn is what the connection rests on.
func (c *layerConn) NetConn() net.Conn { return c.Conn }
