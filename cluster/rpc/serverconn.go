package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"holdfast/cluster"
)

// serverConn serves the calls of one connection: each in a goroutine of its own, answered as they finish.
type serverConn struct {
	s        *Server
	conn     net.Conn
	r        *reader
	w        *writer
	handlers sync.WaitGroup

	mu    sync.Mutex // guards following
	calls map[uint64]context.CancelFunc
}

func newServerConn(s *Server, conn net.Conn) *serverConn {
	return &serverConn{s: s, conn: conn, w: newWriter(conn, s.opts.StallTimeout), calls: map[uint64]context.CancelFunc{}}
}

// serve returns when the connection is closed and every handler has returned. Whatever ends it, what was begun with is answered first, so that
// the goodbye is true of everything else.
func (c *serverConn) serve(ctx context.Context) {
	c.r = newReader(ctx, c.conn, c.s.opts.MaxCall, c.s.opts.StallTimeout)
	c.r.idle = c.s.opts.HelloTimeout // for the first frame only
	calls, cancel := context.WithCancel(ctx)
	go c.w.run()
	err := c.read(calls)
	c.r.stop()
	cancel()
	c.handlers.Wait()
	if !errors.Is(err, io.EOF) {
		c.sayGoodbye(err)
	}
	c.w.finish()
	linger(c.conn)
}

// sayGoodbye tells the peer why its connection ends, and the log if the peer is to blame.
func (c *serverConn) sayGoodbye(err error) {
	switch cluster.CodeOf(err) {
	case cluster.Invalid, cluster.TooLarge:
		c.s.refused(c.conn, err)
	case cluster.Unavailable: // the server closes
	default:
		err = cluster.Errorf(cluster.Unavailable, "%s ended the connection: %v", c.conn.LocalAddr(), err)
	}
	_, _ = c.w.push(goodbye(err)) // fails only where there is no connection left
}

func (c *serverConn) read(ctx context.Context) error {
	for {
		f, err := c.r.next()
		if err != nil {
			return err
		}
		c.r.idle = 0
		switch f.kind {
		case kindRequest:
			err = c.begin(ctx, f)
		case kindCancel:
			c.end(f.id)
		case kindPing:
			_, err = c.w.send(ctx, frame{kind: kindPong})
		case kindVoid:
		default:
			err = cluster.Errorf(cluster.Invalid, "%s sent a frame of kind %d, which no caller sends", c.conn.RemoteAddr(), f.kind)
		}
		if err != nil {
			return err
		}
	}
}

// begin starts the handler of a request. An error ends the connection.
func (c *serverConn) begin(ctx context.Context, f frame) error {
	h := c.s.handlers[f.method]
	if h == nil {
		return c.refuse(ctx, f, cluster.Errorf(cluster.Unsupported, "%s is not served at %s; it may run another version of Holdfast", f.method, c.conn.LocalAddr()))
	}
	call, cancel := withTimeout(ctx, f.timeout)
	room, err := c.admit(f.id, cancel)
	if err != nil {
		cancel()
		return err
	}
	if !room {
		cancel()
		return c.refuse(ctx, f, cluster.Errorf(cluster.Unavailable, "%s already handles %d calls of this connection", c.conn.LocalAddr(), c.s.opts.MaxCalls))
	}
	c.handlers.Go(func() {
		resp, err := h(call, f.body)
		c.end(f.id)
		c.answer(f.id, resp, err)
	})
	return nil
}

// admit enters a call, and reports whether there was room for it.
func (c *serverConn) admit(id uint64, cancel context.CancelFunc) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[id] != nil {
		return false, cluster.Errorf(cluster.Invalid, "%s sent two requests with the id %d", c.conn.RemoteAddr(), id)
	}
	if len(c.calls) >= c.s.opts.MaxCalls {
		return false, nil
	}
	c.calls[id] = cancel
	return true, nil
}

// refuse answers a request that no handler has seen.
func (c *serverConn) refuse(ctx context.Context, f frame, why error) error {
	_, err := c.w.send(ctx, failure(f.id, why))
	return err
}

// answer sends a handler's answer. It does not heed the call's context: the goodbye counts on every answer. A connection that takes nothing
// ends by itself.
func (c *serverConn) answer(id uint64, resp []byte, err error) {
	f := frame{kind: kindResponse, id: id, body: resp}
	if err == nil && len(resp) > c.s.opts.MaxCall {
		err = cluster.Errorf(cluster.TooLarge, "the answer of %d bytes exceeds the limit of %d; the request was handled", len(resp), c.s.opts.MaxCall)
	}
	if err != nil {
		f = failure(id, err)
	}
	_, _ = c.w.send(context.Background(), f) // fails only with the connection
}

// end ends the context of a call, if it is still being handled.
func (c *serverConn) end(id uint64) {
	c.mu.Lock()
	cancel := c.calls[id]
	delete(c.calls, id)
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// withTimeout is ctx for d, or without a limit of its own where d is 0.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d > 0 {
		return context.WithTimeout(ctx, d)
	}
	return context.WithCancel(ctx)
}
