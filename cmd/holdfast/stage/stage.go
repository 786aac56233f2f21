// Package stage puts a cluster of three machines on a stage: network namespaces with a small service and a Holdfast daemon each, a
// client that watches their virtual address, and the faults that can befall them. The demo plays on it for people, the tests for
// themselves.
package stage

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
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
	Extra    string   // more configuration in HCL, for every daemon
	Group    string   // the body of the group, default: both addresses, the service, prefer in the order of the machines
}

// Stage is a cluster on a lab.
type Stage struct {
	Lab      *lab.Lab
	opts     Options
	services map[string]*lab.Service
	daemons  map[string]*lab.Process
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
	return &Stage{Lab: l, opts: o, services: map[string]*lab.Service{}, daemons: map[string]*lab.Process{}}, nil
}

// Open powers the machines on and starts their services and daemons. It does not wait for the cluster.
func (s *Stage) Open(ctx context.Context) error {
	if err := s.Lab.Open(ctx); err != nil {
		return err
	}
	for _, name := range s.opts.Machines {
		if err := s.StartService(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range s.opts.Machines {
		if err := s.StartDaemon(ctx, name); err != nil {
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
func (s *Stage) StartService(ctx context.Context, name string) error {
	svc, err := s.Lab.Machine(name).Serve(ctx, lab.DefaultPort)
	if err != nil {
		return fmt.Errorf("start the service of %s: %w", name, err)
	}
	s.services[name] = svc
	return nil
}

// LogFile is where the daemon of a machine logs.
func (s *Stage) LogFile(name string) string { return filepath.Join(s.opts.Dir, name+".log") }

// StartDaemon starts the daemon of a machine, with the data directory of its earlier lives.
func (s *Stage) StartDaemon(ctx context.Context, name string) error {
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
	p, err := s.Lab.Machine(name).Start(ctx, argv, lab.StartOptions{Env: append(os.Environ(), s.opts.Env...), Stdout: log, Stderr: log})
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
		group = fmt.Sprintf("service = \"web\"\n  vip \"%s/24\" {}\n  vip \"%s/64\" {}\n  prefer  = [\"%s\"]\n  preempt = false", VIP4, VIP6, strings.Join(s.opts.Machines, `", "`))
	}
	return fmt.Sprintf(`node_name        = %q
server           = true
bootstrap_expect = %d
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
}

group "web" {
  %s
}
%s
`, name, len(s.opts.Machines), filepath.Join(s.opts.Dir, name), s.Lab.Machine(name).Addr(), strings.Join(peers, ", "), lab.DefaultPort, lab.DefaultPort, group, s.opts.Extra)
}

// PowerOn starts a machine after a power loss, with its service and daemon.
func (s *Stage) PowerOn(ctx context.Context, name string) error {
	if err := s.Lab.Machine(name).PowerOn(ctx); err != nil {
		return err
	}
	if err := s.StartService(ctx, name); err != nil {
		return err
	}
	return s.StartDaemon(ctx, name)
}

// Watch starts a probe on an address and waits until somebody answers.
func (s *Stage) Watch(ctx context.Context, vip netip.Addr, limit time.Duration) (*lab.Probe, error) {
	p := s.Lab.NewProbe(lab.ProbeOptions{VIP: vip})
	if err := p.Open(ctx); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := p.Await(wait, ""); err != nil {
		p.Close()
		return nil, fmt.Errorf("nobody serves %s within %s: %w", vip, limit, err)
	}
	return p, nil
}
