package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/cluster"
)

// Server is a member's end of the port. Listen binds it, Handle and HandleStream say what it serves, Open begins, Close ends.
type Server struct {
	opts      Options
	listener  net.Listener
	raft, web *Layer
	handlers  map[Method]Handler
	streams   map[Method]StreamHandler
	ctx       context.Context // ends when the server closes
	cancel    context.CancelCauseFunc
	running   sync.WaitGroup // the accept loop and the connections
	conns     atomic.Int64   // connections being served, raft's not counted
	refusals  throttle
	strangers throttle

	mu       sync.Mutex      // guards following
	plain    context.Context // of the plain connections that there are; nil before the first
	endPlain context.CancelCauseFunc
}

var errTooManyConns = errors.New("too many connections")

// Listen binds addr, so that connections queue; nothing is served before Open.
func Listen(addr string, opts Options) (*Server, error) {
	l, err := listenTCP(context.Background(), addr)
	if err != nil {
		return nil, fmt.Errorf("bind the server port %s: %w", addr, err)
	}
	s := &Server{opts: opts.withDefaults(), listener: l, handlers: map[Method]Handler{}, streams: map[Method]StreamHandler{}}
	s.raft, s.web = newLayer(s, muxRaft), newLayer(s, muxWeb)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// Addr is the address that the server listens on, with the port that it was given.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// RaftLayer is raft's part of the port.
func (s *Server) RaftLayer() *Layer { return s.raft }

// WebLayer is the part of the port for requests of the API that other members hand to this one.
func (s *Server) WebLayer() *Layer { return s.web }

// Handle serves calls of m with h. It must come before Open; a method that is reserved or already served is a mistake in the program.
func (s *Server) Handle(m Method, h Handler) {
	s.claim(m)
	s.handlers[m] = h
}

// HandleStream serves streams of m with h, under the rules of Handle.
func (s *Server) HandleStream(m Method, h StreamHandler) {
	s.claim(m)
	s.streams[m] = h
}

func (s *Server) claim(m Method) {
	if m == noMethod || m >= firstOwnMethod {
		panic(fmt.Sprintf("rpc: %s is reserved", m))
	}
	if s.handlers[m] != nil || s.streams[m] != nil {
		panic(fmt.Sprintf("rpc: %s is served twice", m))
	}
}

// Open begins to serve.
func (s *Server) Open() {
	s.running.Go(s.accept)
}

// Close ends the port in good order: no new connections or requests, the contexts of the handlers end, their answers are still
// sent, callers whose requests were not begun with are told so, and every connection is closed. It waits for all of that.
func (s *Server) Close() error {
	s.cancel(cluster.Errorf(cluster.Unavailable, "%s is closing", s.Addr()))
	err := s.listener.Close()
	s.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case s.ctx.Err() != nil:
			if err == nil {
				abort(conn)
			}
			return
		case err != nil: // out of files: what is open goes on
			s.opts.Logger.Error("cannot accept connections", slog.Any("error", err))
			select {
			case <-time.After(100 * time.Millisecond):
			case <-s.ctx.Done():
			}
		case s.conns.Add(1) > int64(s.opts.MaxConns):
			s.conns.Add(-1)
			s.refused(conn, errTooManyConns)
			abort(conn)
		default:
			s.running.Go(func() {
				defer s.conns.Add(-1)
				s.serve(conn)
			})
		}
	}
}

// serve finds out what conn is, and sees it to its end.
func (s *Server) serve(raw net.Conn) {
	ctx := s.plainLife() // before the rules are looked at: whoever changes them then ends it
	conn, m, err := s.identify(s.ctx, raw)
	if err != nil {
		s.refused(raw, err)
		abort(raw)
		return
	}
	if conn != raw {
		ctx = s.ctx
	}
	switch m {
	case muxRaft:
		s.raft.hand(ctx, conn)
	case muxWeb:
		select {
		case <-s.web.hand(ctx, conn): // until then it counts as one of MaxConns
		case <-ctx.Done():
		}
	case muxStream:
		s.serveStream(ctx, conn)
	default:
		newServerConn(s, conn).serve(ctx)
	}
}

// refused logs that a connection was closed. Anyone can connect, so the log takes one a second, of those that Admit
// refused one a minute, and counts the others.
func (s *Server) refused(conn net.Conn, err error) {
	if s.ctx.Err() != nil || errors.Is(err, errNoHello) {
		return
	}
	limit, every := &s.refusals, time.Second
	if lost := (misdirected{}); errors.As(err, &lost) { // it will try again for as long as it has the address
		limit, every = &s.strangers, time.Minute
	}
	if skipped, ok := limit.allow(time.Now(), every); ok {
		s.opts.Logger.Warn("connection refused", slog.String("from", conn.RemoteAddr().String()), slog.Any("error", err), slog.Int64("others", skipped))
	}
}

// misdirected is the error of a connection that Admit refused.
type misdirected struct{ error }

// throttle lets an event pass now and then.
type throttle struct{ last, skipped atomic.Int64 }

// allow reports whether an event at now may pass, as one in each while does, and how many have not since the last that did.
func (t *throttle) allow(now time.Time, while time.Duration) (int64, bool) {
	last := t.last.Load()
	if now.UnixNano()-last < int64(while) || !t.last.CompareAndSwap(last, now.UnixNano()) {
		t.skipped.Add(1)
		return 0, false
	}
	return t.skipped.Swap(0), true
}
