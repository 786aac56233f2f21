package plain

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Server must know.
type Config struct {
	Context      context.Context //nolint:containedctx // of every request, as http.Server has it from BaseContext
	Others       *http.Server    // has the requests that are not plain; handlers find it in the context of these too
	FirstTimeout time.Duration   // for a connection's first request to come
	IdleTimeout  time.Duration   // for the next one
}

// Server serves the plain requests of connections. Open it before it takes listeners.
type Server struct {
	cfg     Config
	log     *slog.Logger
	handler http.Handler
	hangUps *hangUps
	closing atomic.Bool
	serving sync.WaitGroup

	mu    sync.Mutex // guards following
	conns map[*conn]struct{}
}

// New makes a server.
func New(cfg Config, log *slog.Logger) *Server {
	return &Server{cfg: cfg, log: log, conns: map[*conn]struct{}{}}
}

// Open starts what notices that clients hang up. It fails with errors.ErrUnsupported where the system cannot tell.
func (s *Server) Open(h http.Handler) error {
	s.handler = h
	s.cfg.Context = context.WithValue(s.cfg.Context, http.ServerContextKey, s.cfg.Others) // else a httputil.ReverseProxy would not abort half an answer
	w, err := openHangUps()
	if err != nil {
		return err
	}
	s.hangUps = w
	s.serving.Go(w.run)
	return nil
}

// Take gives the listener from which an http.Server is to take the connections of l: those that had a request that is not plain. The others are served
// here, from the first Accept on, which it is for that server to ask for.
func (s *Server) Take(l net.Listener) net.Listener {
	return &listener{Listener: l, server: s, given: make(chan accepted), closed: make(chan struct{})}
}

// Shutdown ends the server: connections that wait for a request at once, the others after their answers or when ctx ends. It waits until the http.Server,
// whose matter that is, has closed the listeners.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.hangUps == nil { // it was never opened
		return nil
	}
	s.closing.Store(true)
	s.each(func(c *conn) {
		if c.state.CompareAndSwap(stateIdle, stateClosed) {
			_ = c.Close()
		}
	})
	s.hangUps.close()
	done := make(chan struct{})
	go func() { s.serving.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.each(func(c *conn) { _ = c.Close() })
		return ctx.Err()
	}
}

func (s *Server) each(do func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		do(c)
	}
}

// serve begins to serve a connection. One that comes after the end is closed.
func (s *Server) serve(c net.Conn, handOver func(net.Conn)) {
	mine := &conn{Conn: c, server: s, handOver: handOver, began: time.Now(), cancel: func() {}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		_ = c.Close()
		return
	}
	s.conns[mine] = struct{}{}
	s.serving.Go(mine.serve)
}

// accept begins to accept the connections of a listener, unless the server is closing.
func (s *Server) accept(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing.Load() {
		s.serving.Go(l.accept)
	}
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// listener is where net/http gets its connections from. Errors of the listener below are net/http's to judge: while it does, nothing more is accepted.
type listener struct {
	net.Listener

	server *Server
	given  chan accepted
	begin  sync.Once
	end    sync.Once
	closed chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

// Accept gives the next connection that is net/http's to serve.
func (l *listener) Accept() (net.Conn, error) {
	l.begin.Do(func() { l.server.accept(l) })
	select {
	case a := <-l.given:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) accept() {
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			l.server.serve(c, l.handOver)
		case !l.tell(accepted{err: err}):
			return
		}
	}
}

func (l *listener) handOver(c net.Conn) {
	if !l.tell(accepted{conn: c}) {
		_ = c.Close()
	}
}

// tell hands something to Accept. It fails once the listener is closed.
func (l *listener) tell(a accepted) bool {
	select {
	case l.given <- a:
		return true
	case <-l.closed:
		return false
	}
}

// Close closes the listener below.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.end.Do(func() { close(l.closed) })
	return err
}
