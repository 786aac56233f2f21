package httpapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/httpapi/exchange"
	"holdfast/httpapi/plain"
)

// Limits bound what a client may use of the server.
type Limits struct {
	ConnsPerClient int           // connections of one IP address, 0 means no limit
	WriteTimeout   time.Duration // for a client to take what is written to it at once, 0 means 2 minutes
	HeaderBytes    int           // of a request, 0 means 64 KiB
}

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 3 * time.Minute // longer than the keep-alive of the usual clients
	maxHeader     = 64 << 10
	closeTimeout  = 2 * time.Second // for requests that are being answered
	writeTimeout  = 2 * time.Minute
)

// Server is the API's listeners and their connections.
type Server struct {
	listeners []*connLimit
	tls       atomic.Pointer[tls.Config] // of the connections that begin now
	log       *slog.Logger
	plain     *plain.Server      // the plain requests of connections without TLS
	http      *http.Server       // the others
	handed    *http.Server       // what other members hand over
	cancel    context.CancelFunc // ends every request, blocking reads first of all
	serving   sync.WaitGroup
}

// Addresses are where the API is to be had.
type Addresses struct {
	Plain  []string // "ip:port" or "unix:///path"
	Secure []string // "ip:port", where TLS is spoken
}

// Listen takes the addresses, all or none. Connections wait until Serve.
func Listen(addrs Addresses, limits Limits, log *slog.Logger) (*Server, error) {
	s := &Server{log: log}
	mu, open := new(sync.Mutex), map[netip.Addr]int{}
	for i, addr := range slices.Concat(addrs.Plain, addrs.Secure) {
		secure := i >= len(addrs.Plain)
		l, err := listen(addr, secure)
		if err != nil {
			s.closeListeners()
			return nil, err
		}
		s.listeners = append(s.listeners, &connLimit{
			Listener: l, secure: secure, most: limits.ConnsPerClient, writeTime: cmp.Or(limits.WriteTimeout, writeTimeout), mu: mu, open: open,
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http, s.handed = s.newHTTP(ctx, limits), s.newHTTP(ctx, limits)
	s.plain = plain.New(plain.Config{Context: exchange.ServerContext(ctx), Others: s.http, FirstTimeout: headerTimeout, IdleTimeout: idleTimeout}, log)
	return s, nil
}

// newHTTP is a server whose requests end with ctx.
func (s *Server) newHTTP(ctx context.Context, limits Limits) *http.Server {
	return &http.Server{
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: cmp.Or(limits.HeaderBytes, maxHeader),
		BaseContext: func(net.Listener) context.Context { return exchange.ServerContext(ctx) },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,           // what counts is the last line
			NextProtos:         []string{"h2", "http/1.1"}, // makes net/http ready for both
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.tls.Load(), nil },
		},
	}
}

// Addrs is where the server listens without TLS, with the ports that it was given for port 0.
func (s *Server) Addrs() []net.Addr { return s.addrs(false) }

// SecureAddrs is where it listens for TLS.
func (s *Server) SecureAddrs() []net.Addr { return s.addrs(true) }

func (s *Server) addrs(secure bool) []net.Addr {
	var out []net.Addr
	for _, l := range s.listeners {
		if l.secure == secure {
			out = append(out, l.Addr())
		}
	}
	return out
}

// Secure sets how TLS is spoken from now on. It must be told once before Serve, if there are secure addresses; connections that there are stay.
func (s *Server) Secure(c *tls.Config) { s.tls.Store(c) }

// Serve starts to answer. It returns at once; Close ends what it started.
func (s *Server) Serve(h http.Handler) {
	s.http.Handler = h
	takePlain := s.plain.Take
	if err := s.plain.Open(h); err != nil {
		s.log.Debug("plain requests are served like the others", "error", err)
		takePlain = func(l net.Listener) net.Listener { return l }
	}
	for _, l := range s.listeners {
		s.serving.Go(func() {
			serve := func(l net.Listener) error { return s.http.Serve(takePlain(l)) }
			if l.secure {
				serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
			}
			if err := serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("the HTTP API does not answer any more", "address", l.Addr().String(), "error", err)
			}
		})
	}
}

// ServeHanded answers what other members hand over, which comes by l, as Serve answers clients.
func (s *Server) ServeHanded(l net.Listener, h http.Handler) {
	s.handed.Handler = h
	l = &connLimit{Listener: l, writeTime: writeTimeout}
	s.serving.Go(func() {
		if err := s.handed.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("requests of other members are not answered any more", "error", err)
		}
	})
}

// Close ends every request and gives the addresses back. Requests that are being answered get a moment to finish.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	others := make(chan error, 2)
	go func() { others <- shut(ctx, s.handed) }()
	go func() { _ = s.plain.Shutdown(ctx); others <- nil }() // whoever is still being answered has had his time
	err := errors.Join(shut(ctx, s.http), <-others, <-others)
	s.closeListeners()
	s.serving.Wait()
	return err
}

// shut ends a server: in good order until ctx ends, and then at once.
func shut(ctx context.Context, s *http.Server) error {
	if s.Shutdown(ctx) == nil {
		return nil
	}
	return s.Close()
}

// closeListeners closes those that nobody serves, too; closing twice is no harm.
func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
}
