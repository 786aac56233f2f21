package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"holdfast/httpapi/exchange"
)

// Limits bound what a client may use of the server.
type Limits struct {
	ConnsPerClient int           // connections of one IP address, 0 means no limit
	WriteTimeout   time.Duration // for a client to take what is written to it at once, 0 means 2 minutes
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
	listeners []net.Listener
	log       *slog.Logger
	http      *http.Server
	cancel    context.CancelFunc // ends every request, blocking reads first of all
	serving   sync.WaitGroup
}

// Listen takes the addresses, all or none. Connections wait until Serve.
func Listen(addrs []string, limits Limits, log *slog.Logger) (*Server, error) {
	s := &Server{log: log}
	mu, open := new(sync.Mutex), map[netip.Addr]int{}
	for _, addr := range addrs {
		l, err := listen(addr)
		if err != nil {
			s.closeListeners()
			return nil, err
		}
		s.listeners = append(s.listeners, &connLimit{
			Listener: l, most: limits.ConnsPerClient, writeTime: cmp.Or(limits.WriteTimeout, writeTimeout), mu: mu, open: open,
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return exchange.ServerContext(ctx) },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Addrs is where the server listens, with the ports that it was given for port 0.
func (s *Server) Addrs() []net.Addr {
	var out []net.Addr
	for _, l := range s.listeners {
		out = append(out, l.Addr())
	}
	return out
}

// Serve starts to answer. It returns at once; Close ends what it started.
func (s *Server) Serve(h http.Handler) {
	s.http.Handler = h
	for _, l := range s.listeners {
		s.serving.Go(func() {
			if err := s.http.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("the HTTP API does not answer any more", "address", l.Addr().String(), "error", err)
			}
		})
	}
}

// Close ends every request and gives the addresses back. Requests that are being answered get a moment to finish.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.closeListeners()
	s.serving.Wait()
	return err
}

// closeListeners closes those that nobody serves, too; closing twice is no harm.
func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
}
