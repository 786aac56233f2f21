package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"holdfast/cluster"
)

// OpenStream opens a stream of m to the member at addr, over a connection of its own, and returns when the peer's handler runs, after
// DialTimeout at most. The stream breaks when ctx ends or the client closes. The caller must Close it.
func (c *Client) OpenStream(ctx context.Context, addr string, m Method) (*Stream, error) {
	s, err := c.openStream(ctx, addr, m)
	var e *cluster.Error
	if err != nil && !errors.As(err, &e) {
		return nil, fmt.Errorf("%w: %w", cluster.Errorf(cluster.Unavailable, "cannot open a stream of %s to %s", m, addr), err)
	}
	return s, err
}

func (c *Client) openStream(ctx context.Context, addr string, m Method) (*Stream, error) {
	deadline := time.Now().Add(c.opts.DialTimeout)
	life, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(c.ctx, func() { cancel(context.Cause(c.ctx)) })
	conn, err := c.dial(life, addr, muxStream)
	if err != nil {
		unhook()
		cancel(err)
		return nil, err
	}
	s := newStream(life, conn, c.opts)
	context.AfterFunc(s.ctx, func() {
		unhook()
		cancel(errStreamClosed)
	})
	if err := s.open(m, max(time.Until(deadline), time.Millisecond)); err != nil {
		s.cancel(err)
		abort(conn)
		return nil, err
	}
	return s, nil
}

// open says what the stream is for and waits until the peer serves it.
func (s *Stream) open(m Method, limit time.Duration) error {
	s.mu.Lock()
	err := s.writeLocked(frame{kind: kindOpen, method: m}, limit)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.r.idle = limit
	f, err := s.r.next()
	switch {
	case err != nil:
		return err
	case f.kind == kindGoodbye:
		return f.remote()
	case f.kind != kindOpened:
		return fmt.Errorf("%s answered with a frame of kind %d, which opens no stream", s.conn.RemoteAddr(), f.kind)
	}
	return nil
}

// serveStream finds the handler of an incoming stream and runs it.
func (s *Server) serveStream(ctx context.Context, conn net.Conn) {
	st := newStream(ctx, conn, s.opts)
	h, err := s.acceptStream(st)
	if err == nil {
		err = h(st.ctx, st)
	}
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, io.EOF): // the peer's end, passed on
		err = nil
	}
	if err != nil {
		st.close(goodbye(err))
		return
	}
	st.close(frame{kind: kindEnd})
}

func (s *Server) acceptStream(st *Stream) (StreamHandler, error) {
	st.r.idle = s.opts.HelloTimeout
	f, err := st.r.next()
	if err != nil {
		return nil, err
	}
	if f.kind != kindOpen {
		return nil, cluster.Errorf(cluster.Invalid, "%s began a stream with a frame of kind %d", st.RemoteAddr(), f.kind)
	}
	h := s.streams[f.method]
	if h == nil {
		return nil, cluster.Errorf(cluster.Unsupported, "%s is not served as a stream at %s; it may run another version of Holdfast", f.method, st.conn.LocalAddr())
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return h, st.writeLocked(frame{kind: kindOpened}, s.opts.StallTimeout)
}
