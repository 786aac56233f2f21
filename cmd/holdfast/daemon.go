package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"

	"holdfast/cluster/agent"
	"holdfast/cluster/consensus"
	"holdfast/cluster/join"
	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/telemetry"
	"holdfast/dnsapi"
	"holdfast/failover"
	"holdfast/failover/lease"
	"holdfast/failover/proxy"
	"holdfast/failover/render"
	"holdfast/failover/upstream"
	"holdfast/failover/watch"
	"holdfast/httpapi"
	"holdfast/httpapi/datacenter"
)

// daemon is the agent with its surfaces: HTTP and DNS. Their ports are the first thing that is taken, and the first that is given back.
type daemon struct {
	cfg    *config.Config // replaced at a reload, by the goroutine in wait and while nobody else reads it
	log    *logs
	ctx    context.Context // ends what runs in loops
	agent  *agent.Agent
	http   *httpapi.Server
	api    http.Handler          // what http serves
	others *datacenter.Forwarder // the way to other datacenters
	dns    *dnsapi.Server
	fleet  *proxy.Fleet
	fail   *failoverOf
	dir    string // the data directory

	telemetry   *telemetry.Telemetry
	failMetrics *failover.Metrics
	dnsMetrics  *dnsapi.Metrics

	surfaces     []func() // close what takes requests
	closers      []func() // in the order of opening
	litter       []string // what must not stay on disk
	loops        sync.WaitGroup
	cancel       context.CancelFunc
	upstreams    *upstream.Follower
	endGroups    func() // ends what brings the groups of the config into the state
	watches      *watch.Runner
	templates    *render.Runner
	endTemplates func()            // ends what renders templates
	endWatches   func()            // lets no handler of a watch begin any more
	reloads      chan chan<- error // from the API: the configuration is to be read again, and the answer goes here
	auto         *autoReload       // nil unless auto_reload_config asks for it
	left         chan struct{}     // closed when /v1/agent/leave has taken this member out
	once         sync.Once
	unfit        error // why the agent cannot go on, nil while it can; for the goroutine in wait
}

func newDaemon(cfg *config.Config, log *logs) *daemon {
	d := &daemon{cfg: cfg, log: log, dir: cfg.DataDir, telemetry: telemetry.New(cfg.MetricsHost), endGroups: func() {}, endWatches: func() {}, endTemplates: func() {}, reloads: make(chan chan<- error), left: make(chan struct{})}
	d.watches = watch.NewRunner(ownAPI{d}, log.With("component", "watch"))
	d.failMetrics, d.dnsMetrics = failover.NewMetrics(d.telemetry.Registerer()), dnsapi.NewMetrics(d.telemetry.Registerer())
	d.newProxies()
	return d
}

// open starts everything, or nothing: after an error nothing runs.
func (d *daemon) open(parent context.Context) (err error) {
	d.ctx, d.cancel = context.WithCancel(parent)
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	// The surfaces take their ports before anything is written: a port in use changes nothing.
	if err := d.listen(); err != nil {
		return err
	}
	if err := d.dataDir(); err != nil {
		return err
	}
	if d.fail, err = newFailover(d.cfg, d.dir, d.failMetrics, d.log.Logger); err != nil {
		return err
	}
	d.closing(func() {
		if d.fail.controller == nil { // else it closes what it has used
			d.fail.close()
		}
	})
	d.agent = agent.New(d.agentConfig(), d.log.Logger)
	if err := d.agent.Open(); err != nil {
		return err
	}
	d.closing(func() { _ = d.agent.Close() })
	if err := d.writePID(); err != nil {
		return err
	}
	if err := register(d.agent.Registry(), d.cfg); err != nil {
		return err
	}
	d.loops.Go(func() { d.telemetry.Run(d.ctx) })
	d.fail.start(d.ctx, d.agent, d.startDatabases(d.ctx), &d.loops)
	d.others = d.newForwarder()
	d.dns.Serve(d.dnsConfig(d.cfg), d.agent)
	if err := d.startProxies(); err != nil {
		return err
	}
	d.templates = render.NewRunner(d.templateData, d.log.With("component", "render"))
	d.serveHTTP()
	d.startGroups()
	d.startWatches()
	if d.auto != nil {
		d.loops.Go(func() { d.auto.run(d.ctx) })
	}
	return d.startTemplates()
}

func (d *daemon) closing(f func()) { d.closers = append(d.closers, f) }

// close ends everything: first what takes requests, then what runs, then the rest in the reverse order of opening.
func (d *daemon) close() {
	d.closeSurfaces()
	d.cancel()
	d.loops.Wait()
	for _, f := range slices.Backward(d.closers) {
		f()
	}
	d.closers = nil
	d.sweep()
}

func (d *daemon) closeSurfaces() {
	for _, f := range d.surfaces {
		f()
	}
	d.surfaces = nil
}

// sweep removes what must not stay on disk.
func (d *daemon) sweep() {
	for _, path := range d.litter {
		_ = os.RemoveAll(path) // nobody reads it any more
	}
}

// listen takes the ports of HTTP, DNS and the proxies, all or none. Nothing is answered yet.
func (d *daemon) listen() (err error) {
	if err = d.listenHTTP(); err != nil {
		return err
	}
	if d.dns, err = dnsapi.Listen(d.cfg.DNSAddrs, d.log.With("component", "dns")); err != nil {
		return err
	}
	d.surfaces = append(d.surfaces, func() { _ = d.dns.Close() })
	return d.listenProxies()
}

// dataDir makes sure of the data directory; a -dev agent gets one that goes with it.
func (d *daemon) dataDir() (err error) {
	if !d.cfg.Dev {
		return nil
	}
	if d.dir, err = os.MkdirTemp("", "holdfast-dev-"); err != nil {
		return fmt.Errorf("cannot make a directory for -dev: %w", err)
	}
	d.litter = append(d.litter, d.dir)
	return nil
}

// writePID writes pid_file.
func (d *daemon) writePID() error {
	if d.cfg.PIDFile == "" {
		return nil
	}
	if err := os.WriteFile(d.cfg.PIDFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil { //nolint:gosec // others may read it
		return fmt.Errorf("cannot write pid_file: %w", err)
	}
	d.litter = append(d.litter, d.cfg.PIDFile)
	return nil
}

func (d *daemon) agentConfig() agent.Config {
	c := d.cfg
	return agent.Config{
		Name: c.NodeName, ID: c.NodeID, Datacenter: c.Datacenter, Meta: c.NodeMeta, Server: c.Server, BootstrapExpect: c.BootstrapExpect, DataDir: d.dir,
		Bind: c.BindAddr, Advertise: c.AdvertiseAddr, SerfPort: c.SerfPort, RPCPort: c.ServerPort,
		Join: join.Config{Once: c.Join, Retry: c.RetryJoin, Interval: c.RetryInterval, Max: c.RetryMax}, GossipKey: c.Encrypt, WAN: wanSettings(c.WAN),
		ReconnectTimeout: c.ReconnectTimeout, RaftMultiplier: c.RaftMultiplier, RaftBackend: c.RaftBackend,
		Snapshots: consensus.Snapshots{Threshold: uint64(c.SnapshotThreshold), Interval: c.SnapshotInterval, Trailing: uint64(c.TrailingLogs)}, //nolint:gosec // the config is checked
		LeaseTTL:  c.LeaseTTL, LeaseEnd: c.LeaseTTL + lease.Margin(c.LeaseTTL), Build: build(), Version: version,
		Autopilot: &c.Autopilot, CAClusterID: c.CAClusterID, Secure: c.TLS.RPC,
		Metrics: d.telemetry.Registerer(), DisableCoordinates: c.DisableCoordinates,
		CheckOutput: agent.CheckOutput{Interval: c.CheckUpdateInterval, MaxSize: c.CheckOutputMaxSize, Discard: c.DiscardCheckOutput},
		Duty:        d.newAssigner,
	}
}
