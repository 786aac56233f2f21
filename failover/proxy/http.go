package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"holdfast/cluster/unread"
)

// Web answers the requests of a proxy in mode HTTP, and says how its backends fare.
type Web interface {
	http.Handler
	Backends() []BackendStatus
}

// What a client has time and room for.
const (
	restTimeout = 2 * time.Minute // between two requests, where the options say nothing
	headerSize  = 64 << 10
)

// headerTimeout is for the header of a request, from its first byte to its end, and for the TLS handshake.
var headerTimeout = 10 * time.Second

// server answers the clients that are given to it. It is the net.Listener of its own http.Server.
type server struct {
	http   *http.Server
	idle   time.Duration
	coming chan net.Conn
	closed chan struct{}
	once   sync.Once
	over   chan struct{} // closed when another has taken its place and its last client has gone

	mu      sync.Mutex // guards following
	conns   map[*webConn]struct{}
	retired bool
}

// serverLocked is the server of this moment. It is made with the first client, and again when the idle timeout is another.
func (p *Proxy) serverLocked(o *Options) *server {
	if p.server != nil && p.server.idle == o.Idle {
		return p.server
	}
	if old := p.server; old != nil {
		p.running.Go(func() { old.retire(p.ctx, p.patience()) })
	}
	s := &server{idle: o.Idle, coming: make(chan net.Conn), closed: make(chan struct{}), over: make(chan struct{}), conns: map[*webConn]struct{}{}}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // gRPC without TLS
	s.http = &http.Server{
		ReadHeaderTimeout: headerTimeout, IdleTimeout: cmp.Or(o.Idle, restTimeout), MaxHeaderBytes: headerSize, Protocols: &protocols,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if h := p.opts.Load().Handler; h != nil { // the one of the moment: a change of the options drops nobody
				h.ServeHTTP(w, r)
				return
			}
			http.Error(w, "the routes are not known yet", http.StatusServiceUnavailable)
		}),
	}
	p.server = s
	p.running.Go(func() { _ = s.http.Serve(s) }) // it ends with the server
	p.running.Go(func() {
		select {
		case <-p.ctx.Done():
			s.close()
		case <-s.over:
		}
	})
	return s
}

// answer gives a client to the server, which closes it.
func (p *Proxy) answer(tcp *net.TCPConn, c *client, o *Options) {
	w := &webConn{Conn: unread.New(tcp, c.early), client: c, gate: p.gate}
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			_ = w.Close() // it has been answered nothing
			return
		}
		s := p.serverLocked(o)
		p.mu.Unlock()
		if s.take(w, o.TLS) {
			return
		}
	}
}

// take takes a client, unless the server is about to end.
func (s *server) take(w *webConn, rules *tls.Config) bool {
	s.mu.Lock()
	s.conns[w] = struct{}{}
	w.server = s
	s.mu.Unlock()
	var conn net.Conn = w
	if rules != nil {
		conn = tls.Server(w, rules)
	}
	select {
	case s.coming <- conn:
		return true
	case <-s.closed:
		s.forget(w)
		return false
	}
}

func (s *server) forget(w *webConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, here := s.conns[w]; here {
		delete(s.conns, w)
		s.endLocked()
	}
}

// endLocked is told when the server has retired, and when a client has gone: whichever is last ends it.
func (s *server) endLocked() {
	if s.retired && len(s.conns) == 0 {
		select {
		case <-s.over: // a client came too late, and has gone to the next server
		default:
			close(s.over)
		}
	}
}

// Accept is the next client.
func (s *server) Accept() (net.Conn, error) {
	select {
	case c := <-s.coming:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close takes nobody new.
func (s *server) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr is nowhere: clients come by the proxy's listeners.
func (*server) Addr() net.Addr { return &net.TCPAddr{} }

// retire lets go of clients who ask for nothing, and of the others once they are answered, or when their time is up.
func (s *server) retire(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = s.http.Shutdown(ctx) // who is not done by then is cut
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	s.endLocked()
}

// close breaks every connection, those too that speak something else by now.
func (s *server) close() {
	_ = s.http.Close() // its listener is this, and never fails
	s.mu.Lock()
	var all []*webConn
	for c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		_ = c.Close() // it may be closed already
	}
}

// patience is how long those who are connected may stay when the proxy retires.
func (p *Proxy) patience() time.Duration { return cmp.Or(p.opts.Load().Drain, time.Hour) }

// webConn is a client of an HTTP server: with the addresses that another proxy has told, and with what was read of it before.
type webConn struct {
	net.Conn
	client *client
	server *server
	gate   *gate
	once   sync.Once
}

// CloseWrite tells the client that nothing more will come.
func (c *webConn) CloseWrite() error { return c.client.conn.CloseWrite() }

func (c *webConn) RemoteAddr() net.Addr { return c.client.from }
func (c *webConn) LocalAddr() net.Addr  { return c.client.to }

func (c *webConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		if c.server != nil {
			c.server.forget(c)
		}
		c.gate.leave()
	})
	return err
}
