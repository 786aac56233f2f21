package plain

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/cluster/unread"
)

// The states of a connection, as http.ConnState has them.
const (
	stateIdle   int32 = iota // it waits for a request
	stateActive              // it answers one
	stateClosed              // by Shutdown, while it waited
)

// conn is a connection that has had plain requests alone.
type conn struct {
	net.Conn

	server   *Server
	handOver func(net.Conn) // has net/http serve it
	state    atomic.Int32
	began    time.Time
	until    time.Duration // the read deadline, from began on; 0 where there is none that lasts

	ctx    context.Context // ends when the client hangs up, or the server closes
	cancel context.CancelFunc
	number uint64 // among those whose hang-up is waited for, 0 before the first request
	remote string
	handed net.Conn // the connection as net/http is to have it; nil for as long as it is not

	w response
}

// heads is the buffers for the heads of requests.
var heads = sync.Pool{New: func() any { return new([headSize]byte) }}

// serve answers until the connection ends or is net/http's.
func (c *conn) serve() {
	defer c.server.forget(c)
	for limit := c.server.cfg.FirstTimeout; ; limit = c.server.cfg.IdleTimeout {
		h, ok := c.next(limit)
		if !ok || !c.state.CompareAndSwap(stateIdle, stateActive) || !c.answer(h) {
			break
		}
		if c.state.Store(stateIdle); c.server.closing.Load() {
			break
		}
	}
	c.server.hangUps.remove(c.number)
	c.cancel()
	if c.handed == nil {
		_ = c.Close()
	} else {
		c.handOver(c.handed)
	}
}

// next waits for the next request. ok is false where there is none, or it is net/http's to read.
func (c *conn) next(limit time.Duration) (h head, ok bool) {
	b := heads.Get().(*[headSize]byte) // not for longer: a request may be answered a long time after it came
	defer heads.Put(b)
	n, err := c.await(b[:], limit)
	if err != nil {
		return h, false
	}
	if h, ok = parse(b[:n]); !ok || !c.watchedForHangUp() {
		c.handed = unread.New(c.Conn, bytes.Clone(b[:n]))
		return h, false
	}
	return h, true
}

// await reads what comes next, within about the limit: at least seven eighths of it, so that most waits find a deadline that is still good.
func (c *conn) await(b []byte, limit time.Duration) (int, error) {
	now := time.Since(c.began)
	if left := c.until - now; left < limit*7/8 || left > limit {
		c.until = now + limit
		if err := c.SetReadDeadline(c.began.Add(c.until)); err != nil {
			return 0, err
		}
	}
	return c.Read(b)
}

// watchedForHangUp sees to it that the end of the client's side ends ctx. It fails where the kernel cannot tell.
func (c *conn) watchedForHangUp() bool {
	if c.number != 0 {
		return true
	}
	c.ctx, c.cancel = context.WithCancel(context.WithValue(c.server.cfg.Context, http.LocalAddrContextKey, c.LocalAddr()))
	c.number, c.remote = c.server.hangUps.add(c.Conn, c.cancel), c.RemoteAddr().String()
	return c.number != 0
}

// answer has a request answered, and reports whether there may be another one.
func (c *conn) answer(h head) (more bool) {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	a := c.w.begin(c)
	defer c.w.release()
	defer a.over()
	defer func() {
		if p := recover(); p != nil {
			more = false // what has been written of the answer is all that there is to it
			if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				c.server.log.Error("a request made its handler panic", "path", h.url.Path, "panic", p, "stack", string(debug.Stack()))
			}
		}
	}()
	c.server.handler.ServeHTTP(a, h.request(ctx, c.remote))
	a.over()
	return c.w.end()
}

// Write ends ctx where the client takes no more: it may be waiting for nothing then, without having hung up.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		c.cancel()
	}
	return n, err
}
