package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"holdfast/cluster/agent"
	"holdfast/cluster/local"
	"holdfast/cmd/holdfast/config"
	"holdfast/dnsapi"
	"holdfast/failover"
	"holdfast/failover/lease"
	"holdfast/httpapi"
)

// daemon is the agent with its surfaces. What is opened is closed in the reverse order.
type daemon struct {
	cfg   *config.Config
	log   *slog.Logger
	agent *agent.Agent
	http  *httpapi.Server
	fail  *failoverOf // nil where this machine cannot carry addresses

	closers []func() // in the order of opening
	loops   sync.WaitGroup
	cancel  context.CancelFunc
	left    chan struct{} // closed when /v1/agent/leave has taken this member out
	once    sync.Once
}

func newDaemon(cfg *config.Config, log *slog.Logger) *daemon {
	return &daemon{cfg: cfg, log: log, left: make(chan struct{})}
}

// open starts everything, or nothing: after an error nothing runs.
func (d *daemon) open(parent context.Context) (err error) {
	ctx, cancel := context.WithCancel(parent)
	d.cancel = cancel
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err := d.dataDir(); err != nil {
		return err
	}
	// The surfaces take their ports before anything is written: a port in use changes nothing.
	if err := d.listenHTTP(); err != nil {
		return err
	}
	dnsServer, err := dnsapi.Listen(d.cfg.DNSAddrs, d.log.With("component", "dns"))
	if err != nil {
		return err
	}
	d.closing(func() { _ = dnsServer.Close() })
	if d.fail, err = newFailover(d.cfg, d.log); err != nil {
		return err
	}
	d.agent = agent.New(d.agentConfig(), d.log)
	if err := d.agent.Open(); err != nil {
		return err
	}
	d.closing(func() { _ = d.agent.Close() })
	if err := d.register(); err != nil {
		return err
	}
	d.fail.start(ctx, d.agent, &d.loops)
	dnsServer.Serve(dnsConfig(d.cfg), d.agent)
	d.serveHTTP()
	d.loops.Go(func() { d.applyGroups(ctx) })
	return d.writePID()
}

func (d *daemon) closing(f func()) { d.closers = append(d.closers, f) }

// close ends everything in the reverse order of opening.
func (d *daemon) close() {
	d.cancel()
	d.loops.Wait()
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
	d.closers = nil
}

// dataDir makes sure of the data directory; a -dev agent gets one that goes with it.
func (d *daemon) dataDir() error {
	if d.cfg.DataDir != "" || !d.cfg.Dev {
		return nil
	}
	dir, err := os.MkdirTemp("", "holdfast-dev-")
	if err != nil {
		return fmt.Errorf("cannot make a directory for -dev: %w", err)
	}
	d.cfg.DataDir = dir
	d.closing(func() { _ = os.RemoveAll(dir) })
	return nil
}

func (d *daemon) agentConfig() agent.Config {
	c := d.cfg
	return agent.Config{
		Name: c.NodeName, ID: c.NodeID, Datacenter: c.Datacenter, Meta: c.NodeMeta, Server: c.Server, BootstrapExpect: c.BootstrapExpect, DataDir: c.DataDir,
		Bind: c.BindAddr, Advertise: c.AdvertiseAddr, SerfPort: c.SerfPort, RPCPort: c.ServerPort,
		Join: c.Join, RetryJoin: c.RetryJoin, RetryInterval: c.RetryInterval, RetryMax: c.RetryMax, GossipKey: c.Encrypt,
		ReconnectTimeout: c.ReconnectTimeout, RaftMultiplier: c.RaftMultiplier, LeaseTTL: c.LeaseTTL, LeaseEnd: c.LeaseTTL + lease.Margin(c.LeaseTTL), Build: build(), Version: version,
		Duty: func(a *agent.Agent, term uint64) agent.Duty {
			return assignerDuty{failover.NewAssigner(asAgent{a}, a, term, failoverOptions(c), d.log.With("component", "assigner"))}
		},
	}
}

// register takes the services and checks of the config files.
func (d *daemon) register() error {
	var services []local.Registration
	for _, s := range d.cfg.Services {
		services = append(services, local.Registration{Service: s.Service, Checks: s.Checks})
	}
	return d.agent.Registry().Replace(services, d.cfg.Checks)
}

func (d *daemon) writePID() error {
	if d.cfg.PIDFile == "" {
		return nil
	}
	if err := os.WriteFile(d.cfg.PIDFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return fmt.Errorf("cannot write pid_file: %w", err)
	}
	d.closing(func() { _ = os.Remove(d.cfg.PIDFile) })
	return nil
}

// wait serves until a signal or an API call ends the daemon.
func (d *daemon) wait(ctx context.Context, signals <-chan os.Signal, reload func() (*config.Config, error)) error {
	for {
		select {
		case <-ctx.Done():
			d.stop("the daemon was told to stop", false)
			return nil
		case <-d.left:
			d.stop("the member has left", false)
			return nil
		case s := <-signals:
			if s == syscall.SIGHUP {
				d.reload(reload)
				continue
			}
			leave := d.cfg.LeaveOnTerminate
			if s == os.Interrupt {
				leave = !d.cfg.SkipLeaveOnInterrupt
			}
			d.log.Info("stopping", "signal", s.String(), "leave", leave)
			d.stop("signal "+s.String(), leave)
			return nil
		}
	}
}

const (
	stopTimeout = 15 * time.Second       // bounds an orderly stop
	syncTimeout = 500 * time.Millisecond // how long a registration through the API waits for the catalog
)

// stop ends the daemon in good order: the groups go to other machines, the leadership to another server.
func (d *daemon) stop(why string, leave bool) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	d.fail.stop(ctx, why)
	if leave {
		if err := d.agent.Leave(ctx); err != nil {
			d.log.Warn("the others were not told that this member leaves", "error", err)
		}
	} else {
		d.agent.Stop(ctx)
	}
	d.close()
}

// hasLeft ends the daemon after /v1/agent/leave has taken the member out of the cluster.
func (d *daemon) hasLeft() { d.once.Do(func() { close(d.left) }) }

// reload reads the configuration again and takes what can change while the daemon runs: services, checks and groups.
func (d *daemon) reload(read func() (*config.Config, error)) {
	cfg, err := read()
	if err != nil {
		d.log.Error("the configuration cannot be reloaded, the old one stays", "error", err)
		return
	}
	old := d.cfg
	next := *old
	next.Services, next.Checks, next.Groups = cfg.Services, cfg.Checks, cfg.Groups
	d.cfg = &next
	if err := d.register(); err != nil {
		d.log.Error("not all services and checks could be reloaded", "error", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	d.applyGroups(ctx)
	d.log.Info("reloaded services, checks and groups; other keys take effect at the next start")
}
