package rpc

import (
	"context"
	"net"
	"sync"
	"time"
)

// RaftLayer is the part of the port that belongs to raft: a listener for the connections that members open to this one for raft,
// and the way to open one. Consensus makes a raft.StreamLayer of it. Its connections carry raw bytes, with deadlines.
type RaftLayer struct {
	s      *Server
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept waits for the next connection; net.ErrClosed says that the layer or the server was closed. A connection that nobody accepts
// within HelloTimeout is closed. Closing the server closes the accepted ones.
func (l *RaftLayer) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
	case <-l.s.ctx.Done():
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
}

// Close refuses raft connections from now on. The other uses of the port go on, and so do the connections that were accepted.
func (l *RaftLayer) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the port's address.
func (l *RaftLayer) Addr() net.Addr { return l.s.Addr() }

// Dial opens a raft connection to the member at addr.
func (l *RaftLayer) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.s.ctx, timeout)
	defer cancel()
	conn, err := l.s.opts.connect(ctx, addr, muxRaft)
	if err != nil {
		return nil, err
	}
	return &raftConn{Conn: conn, stop: func() bool { return true }}, nil
}

// hand passes conn to whoever accepts, and closes it if nobody does.
func (l *RaftLayer) hand(ctx context.Context, conn net.Conn) {
	late := time.NewTimer(l.s.opts.HelloTimeout)
	defer late.Stop()
	c := &raftConn{Conn: conn}
	c.stop = context.AfterFunc(ctx, func() { abort(conn) })
	select {
	case l.conns <- c:
		return
	case <-late.C:
		l.s.refused(conn, errNobodyAccepts)
	case <-l.closed:
	case <-ctx.Done():
	}
	_ = c.Close()
}

// raftConn is a connection of raft's. One that was accepted is closed by the server if raft has not.
type raftConn struct {
	net.Conn
	stop func() bool // forgets the above
}

// Close closes the connection, and never waits for the peer, as closing TLS may: raft has nothing more to say to it, and much to do.
func (c *raftConn) Close() error {
	c.stop()
	abort(c.Conn)
	return nil
}

// NetConn is what the connection rests on.
func (c *raftConn) NetConn() net.Conn { return c.Conn }
