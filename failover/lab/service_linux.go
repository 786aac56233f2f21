package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
)

// Service is a machine's small service (see Serve), as a process of its own.
type Service struct {
	*Process
	machine *Machine
	port    uint16
}

// Serve starts the machine's small service on a port, and returns once it answers.
func (m *Machine) Serve(ctx context.Context, port uint16) (*Service, error) {
	cmd, err := again(roleServe)
	if err != nil {
		return nil, err
	}
	reply, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reply.Close()
	argv := []string{cmd.Path, m.name, strconv.Itoa(int(port))}
	p, err := m.Start(ctx, argv, StartOptions{Env: cmd.Env, Stdout: out})
	out.Close()
	if err != nil {
		return nil, err
	}
	if err := awaitReady(reply); err != nil {
		_ = p.Kill()
		return nil, fmt.Errorf("start the service of %s: %w", m.name, err)
	}
	return &Service{Process: p, machine: m, port: port}, nil
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
