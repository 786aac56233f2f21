package socket

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	maxStreams     = 256                    // TCP connections at a time, on one address
	writeTimeout   = 2 * time.Second        // for one answer on a TCP connection
	acceptInterval = 100 * time.Millisecond // between attempts while this process has no file descriptors left
)

// streams is a listener that bounds what clients can hold: at most max connections, and no write for longer than writeTimeout. The one
// that has been silent the longest goes when another comes (RFC 7766 section 6.2.3 allows that), so those who hold connections and ask
// nothing keep out nobody.
type streams struct {
	net.Listener
	max    int
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex // guards following
	open map[*stream]time.Time
}

// stream is an accepted connection.
type stream struct {
	net.Conn
	of *streams
}

func limitStreams(l net.Listener, most int) *streams {
	return &streams{Listener: l, max: most, closed: make(chan struct{}), open: map[*stream]time.Time{}}
}

// Accept accepts the next connection, and closes the most silent one where there are too many.
func (l *streams) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			return l.add(c), nil
		}
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return nil, err
		}
		select {
		case <-time.After(acceptInterval):
		case <-l.closed:
		}
	}
}

func (l *streams) add(c net.Conn) *stream {
	s := &stream{Conn: c, of: l}
	l.mu.Lock()
	var silent *stream
	if len(l.open) >= l.max {
		for o, heard := range l.open {
			if silent == nil || heard.Before(l.open[silent]) {
				silent = o
			}
		}
		delete(l.open, silent)
	}
	l.open[s] = time.Now()
	l.mu.Unlock()
	if silent != nil {
		_ = silent.Conn.Close() // its reader sees it and ends
	}
	return s
}

// Close ends the listening.
func (l *streams) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Read reads, and notes when something was heard.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if n > 0 {
		s.of.mu.Lock()
		if _, ok := s.of.open[s]; ok {
			s.of.open[s] = time.Now()
		}
		s.of.mu.Unlock()
	}
	return n, err
}

// Write writes within the time there is. What could not be written whole ends the connection: nothing behind it could be understood.
func (s *stream) Write(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(b)
	if err != nil {
		_ = s.Close() // err says why
	}
	return n, err
}

// Close closes the connection and makes room for another.
func (s *stream) Close() error {
	s.of.mu.Lock()
	delete(s.of.open, s)
	s.of.mu.Unlock()
	return s.Conn.Close()
}
