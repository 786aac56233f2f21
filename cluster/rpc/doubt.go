package rpc

import (
	"errors"
	"time"
)

// A network that was parted for some seconds and is whole again is not so for the connections that there were: what waits to be sent is
// tried again by the kernel at intervals that have doubled, and nothing goes through meanwhile. A new connection does. So where a call has
// ended without an answer, and nothing else was heard on its connection since it began, the next call takes a new one. The old one is left to the calls that
// still wait on it: the peer may merely be slow.
const (
	doubtAfter = 50 * time.Millisecond  // a call that lasted less proves nothing
	doubtAge   = 200 * time.Millisecond // a connection that is younger is kept: to one that is frozen another is as bad
)

var errReplaced = errors.New("another connection has taken its place")

// replaceable reports whether a link's connection is in doubt. It is given up by whoever takes its place.
func (l *link) replaceable() bool {
	select {
	case <-l.ready:
		return l.conn != nil && l.conn.doubtful()
	default:
		return false
	}
}

// doubtful reports whether a call has ended without an answer, and nothing was heard since it began.
func (c *clientConn) doubtful() bool {
	return c.doubt.Load() == c.r.reads.Load()+1 && time.Since(c.began) >= doubtAge
}

// retire ends the connection as soon as no call waits on it.
func (c *clientConn) retire() {
	c.mu.Lock()
	c.retired = true
	over := len(c.waiting) == 0
	c.mu.Unlock()
	if over {
		_ = c.w.fail(errReplaced)
	}
}
