package consensus

import (
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Layer is how raft reaches other members: a listener for their connections, and the way to open one to them.
type Layer interface {
	net.Listener
	Dial(addr string, timeout time.Duration) (net.Conn, error)
}

// stream makes a Layer what raft wants. It has the advertised address, and it can cut every connection at once: raft waits
// for its messages when it shuts down, and one to a machine without power would take as long as IOTimeout.
type stream struct {
	layer       Layer
	addr        advertised
	dialTimeout time.Duration
	userTimeout time.Duration
	anew        func() // see lively

	mu     sync.Mutex // guards following
	conns  map[*streamConn]struct{}
	closed bool
}

func newStream(layer Layer, c *Config, anew func()) *stream {
	return &stream{
		layer: layer, addr: advertised(c.Addr), conns: map[*streamConn]struct{}{},
		dialTimeout: c.stretched(c.DialTimeout),
		userTimeout: 5 * c.stretched(c.HeartbeatTimeout), anew: anew,
	}
}

// Accept waits for another member's connection.
func (s *stream) Accept() (net.Conn, error) {
	c, err := s.layer.Accept()
	if err != nil {
		return nil, err
	}
	return s.track(c)
}

// Dial opens a connection to another member.
func (s *stream) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	dial := func() (net.Conn, error) {
		c, err := s.layer.Dial(string(addr), min(timeout, s.dialTimeout))
		if err == nil {
			watchPeer(c, s.userTimeout)
		}
		return c, err
	}
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return s.track(&lively{Conn: c, dial: dial, anew: s.anew, used: time.Now()})
}

// Addr is the advertised address.
func (s *stream) Addr() net.Addr { return s.addr }

// Close closes the layer and every connection.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	conns := s.conns
	s.conns = map[*streamConn]struct{}{}
	s.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close()
	}
	return s.layer.Close()
}

func (s *stream) track(c net.Conn) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	tracked := &streamConn{Conn: c, stream: s}
	s.conns[tracked] = struct{}{}
	return tracked, nil
}

// streamConn is a connection that its stream can close.
type streamConn struct {
	net.Conn
	stream *stream
}

// Close closes the connection.
func (c *streamConn) Close() error {
	c.stream.mu.Lock()
	delete(c.stream.conns, c)
	c.stream.mu.Unlock()
	return c.Conn.Close()
}

// advertised is an address as net.Addr.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }
