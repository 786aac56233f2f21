package stream

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster/unread"
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

	// Lane serves a connection that began with LaneFirst, which is read, until it ends. Raft has the others.
	Lane      func(net.Conn)
	LaneFirst byte
}

// Stream is a raft.StreamLayer.
type Stream struct {
	layer Layer
	cfg   Config

	accepted chan accepted
	done     chan struct{} // closed by Close
	tasks    sync.WaitGroup

	mu     sync.Mutex // guards following
	conns  map[*conn]struct{}
	closed bool
}

// accepted is what Accept gives.
type accepted struct {
	conn net.Conn
	err  error
}

// New makes a stream of a layer, which is closed with it.
func New(layer Layer, cfg Config) *Stream {
	s := &Stream{layer: layer, cfg: cfg, accepted: make(chan accepted), done: make(chan struct{}), conns: map[*conn]struct{}{}}
	s.tasks.Go(s.listen)
	return s
}

// Accept waits for another member's connection.
func (s *Stream) Accept() (net.Conn, error) {
	select {
	case a := <-s.accepted:
		return a.conn, a.err
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// listen takes the connections of the others, and has each sorted.
func (s *Stream) listen() {
	for {
		c, err := s.layer.Accept()
		if err == nil {
			c, err = s.track(c)
		}
		if err == nil {
			s.tasks.Go(func() { s.sort(c) })
		} else if !s.hand(accepted{err: err}) {
			return
		}
	}
}

// sort reads the first byte of a connection, and hands it to whom it is for. Raft's own members write at once.
func (s *Stream) sort(c net.Conn) {
	first := make([]byte, 1)
	_, err := io.ReadFull(c, first)
	switch {
	case err != nil:
		_ = c.Close()
	case s.cfg.Lane != nil && first[0] == s.cfg.LaneFirst:
		s.cfg.Lane(c)
	case !s.hand(accepted{conn: unread.New(c, first)}):
		_ = c.Close()
	}
}

// hand gives Accept a connection or an error, unless the stream is closed.
func (s *Stream) hand(a accepted) bool {
	select {
	case s.accepted <- a:
		return true
	case <-s.done:
		return false
	}
}

// Dial opens a connection to another member.
func (s *Stream) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	dial := func() (net.Conn, error) { return s.dial(addr, timeout) }
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return s.track(&lively{Conn: c, dial: dial, anew: s.cfg.Anew, used: time.Now()})
}

// DialLane opens a connection to another member that is not opened anew: it carries a state.
func (s *Stream) DialLane(addr raft.ServerAddress) (net.Conn, error) {
	c, err := s.dial(addr, s.cfg.DialTimeout)
	if err != nil {
		return nil, err
	}
	return s.track(c)
}

func (s *Stream) dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	c, err := s.layer.Dial(string(addr), min(timeout, s.cfg.DialTimeout))
	if err == nil {
		watchPeer(c, s.cfg.UserTimeout)
	}
	return c, err
}

// Addr is the advertised address.
func (s *Stream) Addr() net.Addr { return advertised(s.cfg.Addr) }

// Close closes the layer and every connection, and waits until none is served any more.
func (s *Stream) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	conns := s.conns
	s.conns = map[*conn]struct{}{}
	s.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close()
	}
	err := s.layer.Close()
	s.tasks.Wait()
	return err
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
