package dnsapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"holdfast/dnsapi/socket"

	"github.com/miekg/dns"
)

// Server listens for questions.
type Server struct {
	log     *slog.Logger
	serving sync.WaitGroup

	mu      sync.Mutex    // guards following
	sockets []*socket.UDP // several for each address
	streams []net.Listener
	servers []*dns.Server      // of the streams
	handler *handler           // nil before Serve
	cancel  context.CancelFunc // ends questions that wait
}

// Listen binds UDP and TCP of every address ("ip:port"), all or none. Nothing is answered before Serve.
func Listen(addrs []string, log *slog.Logger) (*Server, error) {
	s := &Server{log: log, cancel: func() {}}
	for _, a := range addrs {
		p, l, err := socket.Bind(a)
		if err != nil {
			_ = s.Close() // nothing has been served
			return nil, fmt.Errorf("cannot listen for DNS on %s (addresses.dns or client_addr, ports.dns): %w; free the port, or set another (-1 switches DNS off)", a, err)
		}
		s.sockets, s.streams = append(s.sockets, p...), append(s.streams, l)
	}
	return s, nil
}

// Addrs are the addresses that are bound.
func (s *Server) Addrs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, l := range s.streams {
		out = append(out, l.Addr().String())
	}
	return out
}

// Serve begins to answer.
func (s *Server) Serve(cfg Config, r Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.handler = newHandler(ctx, s.withoutUs(cfg), r, s.log)
	s.handler.behind.Store(true)
	s.serving.Go(s.handler.catchUp)
	s.handler.zones.Replace(ctx, cfg.Zones)
	for _, p := range s.sockets {
		s.serving.Go(newPackets(s.handler, p).run)
	}
	for _, l := range s.streams {
		s.start(&dns.Server{Listener: l, Handler: s.handler, MaxTCPQueries: -1})
	}
}

// Configure changes what the answers depend on, from the next one on.
func (s *Server) Configure(cfg Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handler != nil {
		s.handler.configure(s.withoutUs(cfg))
	}
}

// withoutUs leaves out recursors that are this server itself: they would only send the question round.
func (s *Server) withoutUs(cfg Config) Config {
	var bound []netip.AddrPort
	for _, l := range s.streams {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			bound = append(bound, a.AddrPort())
		}
	}
	cfg.Recursors = slices.DeleteFunc(slices.Clone(cfg.Recursors), func(r string) bool {
		ours := isBound(r, bound)
		if ours {
			s.log.Warn("a recursor is left out: it is this server itself", "recursor", r)
		}
		return ours
	})
	return cfg
}

// isBound reports whether an address is one of those that are bound, or of this machine where all are.
func isBound(address string, bound []netip.AddrPort) bool {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(bound, func(b netip.AddrPort) bool {
		same := b.Addr().Unmap() == a.Addr().Unmap() || b.Addr().IsUnspecified() && isLocal(a.Addr())
		return same && a.Port() == b.Port()
	})
}

// isLocal reports whether an address is one of this machine.
func isLocal(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, func(n net.Addr) bool {
		p, err := netip.ParsePrefix(n.String())
		return err == nil && p.Addr() == a.Unmap()
	})
}

// start runs a server and returns once it answers, or has failed.
func (s *Server) start(d *dns.Server) {
	started, ended := make(chan struct{}), make(chan struct{})
	d.NotifyStartedFunc = func() { close(started) }
	s.serving.Go(func() {
		defer close(ended)
		if err := d.ActivateAndServe(); err != nil {
			s.log.Error("DNS has stopped", "error", err)
		}
	})
	select {
	case <-started:
		s.servers = append(s.servers, d)
	case <-ended:
	}
}

// Close ends it all: a question that waits for others is answered with a failure, and Close waits until every one is.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel()
	var errs []error
	for _, p := range s.sockets {
		errs = append(errs, closed(p.SetReadDeadline(time.Unix(1, 0)))) // it takes no more questions
	}
	for _, d := range s.servers {
		errs = append(errs, d.Shutdown())
	}
	s.serving.Wait()
	if s.handler != nil {
		s.handler.answering.Wait()
		s.handler.zones.Close()
	}
	for _, p := range s.sockets {
		errs = append(errs, closed(p.Close()))
	}
	for _, l := range s.streams {
		errs = append(errs, closed(l.Close()))
	}
	s.servers, s.sockets, s.streams = nil, nil, nil
	return errors.Join(errs...)
}

// closed is the error of a Close, nil where it had been closed before.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
