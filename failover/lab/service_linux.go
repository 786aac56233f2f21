package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Service is a machine's small service (see Serve), as a process of its own.
type Service struct {
	*Process
	machine *Machine
	port    uint16
}

const serviceTimeout = 10 * time.Second

// Serve starts the machine's small service on a port, and returns once it answers.
func (m *Machine) Serve(ctx context.Context, port uint16) (*Service, error) {
	cmd, err := again(roleServe)
	if err != nil {
		return nil, err
	}
	argv := []string{cmd.Path, m.name, strconv.Itoa(int(port))}
	p, err := m.Start(ctx, argv, StartOptions{Env: cmd.Env})
	if err != nil {
		return nil, err
	}
	s := &Service{Process: p, machine: m, port: port}
	if err := s.await(ctx); err != nil {
		_ = p.Kill()
		return nil, fmt.Errorf("start the service of %s: %w", m.name, err)
	}
	return s, nil
}

// await asks the service over its own machine's loopback until it answers.
func (s *Service) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, serviceTimeout)
	defer cancel()
	for {
		err := s.do(ctx, http.MethodGet, "/")
		if err == nil {
			return nil
		}
		select {
		case <-s.Done():
			return fmt.Errorf("it ended: %w", s.Wait(ctx))
		case <-ctx.Done():
			return err
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Fail makes the service's /health answer 503.
func (s *Service) Fail(ctx context.Context) error { return s.do(ctx, http.MethodPut, "/health/fail") }

// Pass makes the service's /health answer 200 again.
func (s *Service) Pass(ctx context.Context) error { return s.do(ctx, http.MethodPut, "/health/pass") }

// do makes one request from the service's own machine.
func (s *Service) do(ctx context.Context, method, path string) error {
	host := "127.0.0.1"
	if !s.machine.Addr().Is4() {
		host = "::1"
	}
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(int(s.port))) + path
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: s.machine.Dial, DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	return nil
}
