package stream

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// idle is how long a connection must have been quiet before it is looked at again.
const idle = 100 * time.Millisecond

// lively is a connection that is opened anew where its peer is no longer there when a message is to be sent after a pause. Raft keeps
// connections it hardly uses: the one for votes may lead to an earlier life of a machine that has lost power since, and finding that out
// with the first vote costs a whole election. Nothing is lost by it: between two messages of raft a connection carries no state.
type lively struct {
	dial func() (net.Conn, error)
	anew func()    // told when the peer was found to live anew
	used time.Time // of the last write; raft writes from one goroutine at a time

	mu sync.Mutex // guards following
	net.Conn
	readDeadline, writeDeadline time.Time
	closed                      bool
}

func (l *lively) conn() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Conn
}

// Read reads from the connection as it is now.
func (l *lively) Read(p []byte) (int, error) { return l.conn().Read(p) }

// Write sends, through a new connection if the old one has died in its sleep.
func (l *lively) Write(p []byte) (int, error) {
	c := l.conn()
	if time.Since(l.used) > idle && dead(c) {
		fresh, err := l.dial()
		if err != nil {
			return 0, err
		}
		if c, err = l.swap(fresh); err != nil {
			return 0, err
		}
		l.anew()
	}
	l.used = time.Now()
	return c.Write(p)
}

func (l *lively) swap(fresh net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = fresh.Close()
		return nil, net.ErrClosed
	}
	_ = l.Conn.Close()
	l.Conn = fresh
	return fresh, errors.Join(fresh.SetReadDeadline(l.readDeadline), fresh.SetWriteDeadline(l.writeDeadline))
}

// Close closes the connection.
func (l *lively) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.Conn.Close()
}

// SetDeadline bounds reads and writes.
func (l *lively) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}

// SetReadDeadline bounds reads.
func (l *lively) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readDeadline = t
	return l.Conn.SetReadDeadline(t)
}

// SetWriteDeadline bounds writes.
func (l *lively) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeDeadline = t
	return l.Conn.SetWriteDeadline(t)
}

// rawConn is the socket under a connection, nil where there is none (TLS has one underneath).
func rawConn(c net.Conn) syscall.RawConn {
	for wrapped, ok := c.(interface{ NetConn() net.Conn }); ok; wrapped, ok = c.(interface{ NetConn() net.Conn }) {
		c = wrapped.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// dead reports whether the kernel knows that the peer has closed or refused the connection. It reads nothing away.
func dead(c net.Conn) bool {
	raw := rawConn(c)
	if raw == nil {
		return false
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if n == 0 && err == nil {
			err = io.EOF
		}
		if !errors.Is(err, unix.EAGAIN) {
			failed = err
		}
	})
	return err != nil || failed != nil
}

// watchPeer lets the kernel find out that the peer is gone. A connection whose peer has acknowledged nothing for limit is given up
// (RFC 5482): after a partition raft then opens a new one at once; the old one would wait for its next retransmission, which comes
// seconds later. One that is idle is probed every second, and the new life of a machine refuses the connections of the old.
func watchPeer(c net.Conn, limit time.Duration) {
	raw := rawConn(c)
	if raw == nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // without these it works too, more slowly
		for opt, v := range peerOptions(limit) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, opt, v)
		}
	})
}
