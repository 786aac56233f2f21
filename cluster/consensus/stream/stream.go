package stream

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

// Config says what a stream is to be like.
type Config struct {
	Addr        string        // the advertised one
	DialTimeout time.Duration // opening a connection takes no longer
	UserTimeout time.Duration // a connection is given up whose peer has acknowledged nothing for so long
	Anew        func()        // told when a peer was found to live anew; see lively
}

// Stream is a raft.StreamLayer.
type Stream struct {
	layer Layer
	cfg   Config

	mu     sync.Mutex // guards following
	conns  map[*conn]struct{}
	closed bool
}

// New makes a stream of a layer, which is closed with it.
func New(layer Layer, cfg Config) *Stream {
	return &Stream{layer: layer, cfg: cfg, conns: map[*conn]struct{}{}}
}

// Accept waits for another member's connection.
func (s *Stream) Accept() (net.Conn, error) {
	c, err := s.layer.Accept()
	if err != nil {
		return nil, err
	}
	return s.track(c)
}

// Dial opens a connection to another member.
func (s *Stream) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	dial := func() (net.Conn, error) {
		c, err := s.layer.Dial(string(addr), min(timeout, s.cfg.DialTimeout))
		if err == nil {
			watchPeer(c, s.cfg.UserTimeout)
		}
		return c, err
	}
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return s.track(&lively{Conn: c, dial: dial, anew: s.cfg.Anew, used: time.Now()})
}

// Addr is the advertised address.
func (s *Stream) Addr() net.Addr { return advertised(s.cfg.Addr) }

// Close closes the layer and every connection.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	conns := s.conns
	s.conns = map[*conn]struct{}{}
	s.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close()
	}
	return s.layer.Close()
}

func (s *Stream) track(c net.Conn) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	tracked := &conn{Conn: c, stream: s}
	s.conns[tracked] = struct{}{}
	return tracked, nil
}

// conn is a connection that its stream can close.
type conn struct {
	net.Conn
	stream *Stream
}

// Close closes the connection.
func (c *conn) Close() error {
	c.stream.mu.Lock()
	delete(c.stream.conns, c)
	c.stream.mu.Unlock()
	return c.Conn.Close()
}

// advertised is an address as net.Addr.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }
