//go:build linux

// Package stage puts a cluster of three machines on a stage: network namespaces with a small service and a Holdfast daemon each, a
// client that watches their virtual address, and the faults that can befall them. The demo plays on it for people, the tests for
// themselves.
package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/failover/lab"
)

// The addresses of the stage. The machines are n1 to n3, 10.77.0.11 to .13.
var (
	VIP4 = netip.MustParseAddr("10.77.0.100")
	VIP6 = netip.MustParseAddr("fd77::100")
)

// Options describe a stage.
type Options struct {
	Holdfast []string // the command that runs the daemon's program, as ["/usr/bin/holdfast"]
	Env      []string // beside the environment of this process
	Dir      string   // for data directories, config files and logs
	Machines []string // default n1, n2, n3
	Voteless []string // those of the machines that are no servers
	Witness  []string // those that vote, and hold no groups
	Extra    string   // more configuration in HCL, for every daemon
	Group    string   // the body of the group, default: both addresses, the service, prefer in the order of the machines
}

// Stage is a cluster on a lab.
type Stage struct {
	Lab       *lab.Lab
	opts      Options
	services  map[string]*lab.Service
	daemons   map[string]*lab.Process
	processes map[string]*lab.Process // what the process checks watch
	life      context.Context         // of everything that is started: Open's
}

// New describes a stage; Open builds it.
func New(o Options) (*Stage, error) {
	if o.Machines == nil {
		o.Machines = []string{"n1", "n2", "n3"}
	}
	l, err := lab.New(lab.Options{Machines: o.Machines})
	if err != nil {
		return nil, err
	}
	return &Stage{Lab: l, opts: o, services: map[string]*lab.Service{}, daemons: map[string]*lab.Process{}, processes: map[string]*lab.Process{}}, nil
}

// Open powers the machines on and starts their services and daemons. It does not wait for the cluster. What runs ends with ctx.
func (s *Stage) Open(ctx context.Context) error {
	s.life = ctx
	if err := s.Lab.Open(ctx); err != nil {
		return err
	}
	for _, name := range s.opts.Machines {
		if err := s.StartService(name); err != nil {
			return err
		}
	}
	for _, name := range s.opts.Machines {
		if err := s.StartDaemon(name); err != nil {
			return err
		}
	}
	return nil
}

// Close ends everything.
func (s *Stage) Close() error { return s.Lab.Close() }

// Machines are the names of the machines.
func (s *Stage) Machines() []string { return s.opts.Machines }

// Service is the small service of a machine.
func (s *Stage) Service(name string) *lab.Service { return s.services[name] }

// Daemon is the Holdfast process of a machine.
func (s *Stage) Daemon(name string) *lab.Process { return s.daemons[name] }

// StartService starts the small service of a machine.
func (s *Stage) StartService(name string) error {
	svc, err := s.Lab.Machine(name).Serve(s.life, lab.DefaultPort)
	if err != nil {
		return fmt.Errorf("start the service of %s: %w", name, err)
	}
	s.services[name] = svc
	return s.startProcess(name)
}

// workload is a process that stands for a second program of the service, so that a process check has something to watch.
const workload = "3000000"

func (s *Stage) startProcess(name string) error {
	p, err := s.Lab.Machine(name).Start(s.life, []string{"sleep", workload}, lab.StartOptions{})
	if err != nil {
		return fmt.Errorf("start a process on %s: %w", name, err)
	}
	s.processes[name] = p
	return nil
}

// LogFile is where the daemon of a machine logs.
func (s *Stage) LogFile(name string) string { return filepath.Join(s.opts.Dir, name+".log") }

// StartDaemon starts the daemon of a machine, with the data directory of its earlier lives.
func (s *Stage) StartDaemon(name string) error {
	file := filepath.Join(s.opts.Dir, name+".hcl")
	if err := os.WriteFile(file, []byte(s.config(name)), 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(s.LogFile(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := append(append([]string{}, s.opts.Holdfast...), "agent", "-config-file", file)
	p, err := s.Lab.Machine(name).Start(s.life, argv, lab.StartOptions{Env: append(os.Environ(), s.opts.Env...), Stdout: log, Stderr: log})
	if err != nil {
		return fmt.Errorf("start the daemon of %s: %w", name, err)
	}
	s.daemons[name] = p
	return nil
}

// config is the configuration of one machine, as a user would write it.
func (s *Stage) config(name string) string {
	var peers []string
	for _, m := range s.Lab.Machines() {
		if m.Name() != name {
			peers = append(peers, fmt.Sprintf("%q", m.Addr()))
		}
	}
	group := s.opts.Group
	if group == "" {
		group = fmt.Sprintf("service = \"web\"\n  vip \"%s/24\" {}\n  vip \"%s/64\" {}\n  prefer  = [\"%s\"]\n  preempt = false\n  hold_down = \"0s\" # each fault stands alone", VIP4, VIP6, strings.Join(s.opts.Machines, `", "`))
	}
	server := fmt.Sprintf("server           = true\nbootstrap_expect = %d", len(s.opts.Machines)-len(s.opts.Voteless))
	if slices.Contains(s.opts.Voteless, name) {
		server = "server           = false"
	}
	extra := s.opts.Extra
	if slices.Contains(s.opts.Witness, name) {
		extra += "\nfailover {\n  witness = true\n}\n"
	}
	return fmt.Sprintf(`node_name        = %q
%s
data_dir         = %q
bind_addr        = %q
retry_join       = [%s]
enable_local_script_checks = true

service {
  name = "web"
  port = %d
  check {
    http     = "http://127.0.0.1:%d/health"
    interval = "200ms"
    timeout  = "1s"
  }
  check {
    process {
      command = "sleep %s"
    }
  }
}

group "web" {
  %s
}
%s
`, name, server, filepath.Join(s.opts.Dir, name), s.Lab.Machine(name).Addr(), strings.Join(peers, ", "), lab.DefaultPort, lab.DefaultPort, workload, group, extra)
}

// PowerOn starts a machine after a power loss, with its service and daemon.
func (s *Stage) PowerOn(ctx context.Context, name string) error {
	if err := s.Lab.Machine(name).PowerOn(ctx); err != nil {
		return err
	}
	if err := s.StartService(name); err != nil {
		return err
	}
	return s.StartDaemon(name)
}

// Get asks the daemon of a machine over HTTP and decodes the JSON of its answer.
func (s *Stage) Get(ctx context.Context, name, path string, out any) error {
	return s.ask(ctx, http.MethodGet, name, path, out)
}

func (s *Stage) ask(ctx context.Context, method, name, path string, out any) error {
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return s.Lab.Machine(name).Dial(ctx, network, "127.0.0.1:8500")
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+name+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body) // the status alone says enough
		return fmt.Errorf("%s answered %s: %s", path, resp.Status, b)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// Status is what the stage reads of /v1/failover/status.
type Status struct {
	Leader   string
	Machines []struct {
		Node string
		Live bool
	}
	Groups []struct {
		Name       string
		Assignment struct {
			Node  string
			Epoch uint64
			Why   string
		}
	}
}

// Settle waits until every machine that has power is live in the eyes of the leader, every group has a holder and every service passes.
// It answers the names of the holder of web and of the leader.
func (s *Stage) Settle(ctx context.Context) (holder, leader string, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if holder, leader = s.settled(ctx); holder != "" && leader != "" {
			return holder, leader, nil
		}
		select {
		case <-ctx.Done():
			return "", "", fmt.Errorf("the cluster did not settle: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func (s *Stage) settled(ctx context.Context) (holder, leader string) {
	var powered []string
	for _, m := range s.opts.Machines {
		if s.Lab.Machine(m).Powered() {
			powered = append(powered, m)
		}
	}
	if len(powered) == 0 {
		return "", ""
	}
	var st Status
	var passing []json.RawMessage
	if s.Get(ctx, powered[0], "/v1/failover/status", &st) != nil || s.Get(ctx, powered[0], "/v1/health/service/web?passing", &passing) != nil {
		return "", ""
	}
	live := 0
	for _, m := range st.Machines {
		if m.Live {
			live++
		}
	}
	if live != len(powered) || len(passing) != len(powered) {
		return "", ""
	}
	for _, g := range st.Groups {
		if g.Assignment.Node == "" {
			return "", ""
		}
		if g.Name == "web" {
			holder = g.Assignment.Node
		}
	}
	for _, m := range s.Lab.Machines() {
		if st.Leader == m.Addr().String()+":8300" {
			leader = m.Name()
		}
	}
	return holder, leader
}

// Put sends a PUT without a body to the daemon of a machine.
func (s *Stage) Put(ctx context.Context, name, path string) error {
	return s.ask(ctx, http.MethodPut, name, path, nil)
}
