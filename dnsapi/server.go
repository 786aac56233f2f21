package dnsapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"

	"github.com/miekg/dns"
)

// Server listens for questions.
type Server struct {
	log     *slog.Logger
	serving sync.WaitGroup

	mu      sync.Mutex // guards following
	packets []net.PacketConn
	streams []net.Listener
	servers []*dns.Server
	cancel  context.CancelFunc // ends questions that wait
}

// Listen binds UDP and TCP of every address ("ip:port"), all or none. Nothing is answered before Serve.
func Listen(addrs []string, log *slog.Logger) (*Server, error) {
	s := &Server{log: log, cancel: func() {}}
	for _, a := range addrs {
		p, l, err := bind(a)
		if err != nil {
			_ = s.Close() // nothing has been served
			return nil, fmt.Errorf("cannot listen for DNS on %s (addresses.dns or client_addr, ports.dns): %w; free the port, or set another (-1 switches DNS off)", a, cause(err))
		}
		s.packets, s.streams = append(s.packets, p), append(s.streams, limitStreams(l, maxStreams))
	}
	return s, nil
}

// bindAttempts is how often a free port is looked for that is free for both UDP and TCP.
const bindAttempts = 20

// readBuffer is for questions that come in a burst; what the kernel has no room for is lost.
const readBuffer = 4 << 20

// bind binds UDP and TCP of an address. Where the port is 0 both get the same one.
func bind(address string) (p net.PacketConn, l net.Listener, err error) {
	_, port, _ := net.SplitHostPort(address)
	for range bindAttempts {
		if p, err = net.ListenPacket("udp", address); err != nil {
			return nil, nil, err
		}
		if l, err = net.Listen("tcp", p.LocalAddr().String()); err == nil {
			if u, ok := p.(*net.UDPConn); ok {
				_ = u.SetReadBuffer(readBuffer) // the kernel gives what it allows
			}
			return p, l, nil
		}
		_ = p.Close() // it has received nothing that matters
		if port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, nil, err
}

func cause(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	return err
}

// Addrs are the addresses that are bound.
func (s *Server) Addrs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, p := range s.packets {
		out = append(out, p.LocalAddr().String())
	}
	return out
}

// Serve begins to answer.
func (s *Server) Serve(cfg Config, r Reader) {
	ctx, cancel := context.WithCancel(context.Background())
	h := newHandler(ctx, cfg, r, s.log)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	for _, p := range s.packets {
		s.start(&dns.Server{PacketConn: p, Handler: h, UDPSize: takeUDP})
	}
	for _, l := range s.streams {
		s.start(&dns.Server{Listener: l, Handler: h, MaxTCPQueries: -1})
	}
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

// Close ends it all: a question that waits for the leader is answered with a failure, and Close waits until every one is.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel()
	var errs []error
	for _, d := range s.servers {
		errs = append(errs, d.Shutdown())
	}
	s.serving.Wait()
	for _, p := range s.packets {
		errs = append(errs, closed(p.Close()))
	}
	for _, l := range s.streams {
		errs = append(errs, closed(l.Close()))
	}
	s.servers, s.packets, s.streams = nil, nil, nil
	return errors.Join(errs...)
}

// closed is the error of a Close, nil where it had been closed before.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
