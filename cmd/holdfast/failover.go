package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/consensus"
	"holdfast/cluster/state"
	"holdfast/cmd/holdfast/config"
	"holdfast/failover"
	"holdfast/failover/assigner"
	"holdfast/failover/conntrack"
	"holdfast/failover/effect"
	"holdfast/failover/fence"
	"holdfast/failover/keeper"
	"holdfast/failover/operator"
	"holdfast/failover/outbox"
	"holdfast/failover/vip"
)

// failoverOf is this machine's part in failover: what carries addresses, or the reason why nothing does.
type failoverOf struct {
	cfg        *config.Config
	dir        string // the data directory
	metrics    *failover.Metrics
	log        *slog.Logger
	addrs      failover.Addresses
	fence      failover.Fence
	begin      func() error // starts what start needs in the data directory; nil for nothing
	let        func()       // lets go of both, and leaves what they did as it is
	effects    *effect.Host
	how        string // how leases are enforced, a line
	why        string // why this machine cannot carry addresses, "" where it can
	controller *failover.Controller
	cancel     context.CancelFunc
	done       chan struct{}
}

// newFailover opens what carries addresses. Where the config has groups, a machine that cannot carry them is refused; else it is a member
// that holds nothing, and says why.
//
// dir is the data directory.
func newFailover(cfg *config.Config, dir string, metrics *failover.Metrics, log *slog.Logger) (*failoverOf, error) {
	f := &failoverOf{cfg: cfg, dir: dir, metrics: metrics, log: log.With("component", "failover"), done: make(chan struct{})}
	if cfg.Witness {
		f.why = "this machine is a witness: it votes, and holds no groups"
		f.log.Info("this machine will hold no addresses", "why", f.why)
		return f, nil
	}
	err := f.open(dir)
	switch {
	case err == nil:
		f.log.Info("leases are enforced", "by", f.how)
	case len(cfg.Groups) > 0:
		return nil, err
	default:
		f.why = err.Error()
		f.log.Info("this machine will hold no addresses", "why", f.why)
	}
	return f, nil
}

func (f *failoverOf) open(dir string) error {
	open := f.openKernel
	if f.cfg.Fence == config.FenceExec {
		open = f.openExec
	}
	if err := open(dir); err != nil {
		return err
	}
	f.effects = effect.New(dir, f.log)
	for _, g := range f.cfg.Groups {
		for _, v := range g.VIPs {
			if _, err := f.addrs.Resolve(vip.Address{Prefix: v.Prefix, Interface: v.Interface}); err != nil {
				f.close()
				return cluster.Errorf(cluster.Invalid, "group %q: %v", g.Name, err)
			}
		}
	}
	return nil
}

// openKernel lets the kernel carry and fence addresses.
func (f *failoverOf) openKernel(string) error {
	host := vip.New()
	if err := host.Open(); err != nil {
		return err
	}
	fen, err := fence.New(fence.Options{Driver: f.cfg.Fence, Logger: f.log})
	if err != nil {
		_ = host.Close() // it has only listened
		return err
	}
	f.addrs, f.fence, f.how = host, fen, fen.Describe()
	f.let = func() {
		_ = fen.Close() // the enforcement stays in the kernel
		_ = host.Close()
	}
	return nil
}

// openExec lets the operator's commands carry addresses, and a keeper fence them.
func (f *failoverOf) openExec(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, which the keeper is to run: %w", err)
	}
	if err := f.cfg.Exec.Validate(); err != nil {
		return err
	}
	o := keeper.Options{Commands: f.cfg.Exec, Dir: dir, Program: []string{self, keeperVerbName}}
	segment := vip.New()
	if err := segment.Open(); err == nil {
		o.Segment = segment
	}
	host := keeper.New(o)
	f.addrs, f.fence, f.how = host, host, host.Describe()
	f.begin = host.Start
	f.let = func() {
		_ = host.Close() // the keeper goes on until the last lease has ended
		_ = segment.Close()
	}
	return nil
}

func (f *failoverOf) close() {
	if f.let != nil {
		f.let()
	}
}

// start runs the controller.
func (f *failoverOf) start(parent context.Context, a *agent.Agent, roles map[string]failover.Role, loops *sync.WaitGroup) {
	ctx, cancel := context.WithCancel(parent)
	f.cancel = cancel
	if f.begin != nil && f.why == "" {
		if err := f.begin(); err != nil {
			f.why = err.Error()
			f.log.Error("this machine will hold no addresses", "why", f.why)
		}
	}
	addrs, fen := f.addrs, f.fence
	if f.why != "" {
		addrs, fen = failover.Incapable(f.why)
	}
	opts := failoverOptions(f.cfg, f.metrics)
	opts.Roles = roles
	if f.why == "" {
		if err := f.effects.Open(); err != nil {
			f.log.Warn("what an earlier daemon has changed on this machine is not known", "error", err)
		}
		opts.Effects = f.effects
		opts.Connections = conntrack.New(conntrack.Options{Dir: f.dir, Addr: f.cfg.AdvertiseAddr, Log: f.log})
	}
	f.controller = failover.NewController(asAgent{a}, asChannel{a}, addrs, fen, opts, f.log)
	loops.Go(func() {
		defer close(f.done)
		f.controller.Run(ctx)
		f.close()
	})
}

// stop gives the groups away and ends the controller.
func (f *failoverOf) stop(ctx context.Context, why string) {
	f.controller.Stop(ctx, why)
	f.cancel()
	select {
	case <-f.done:
	case <-ctx.Done():
	}
}

func failoverOptions(c *config.Config, metrics *failover.Metrics) failover.Options {
	o := failover.DefaultOptions()
	o.TTL, o.Metrics = c.LeaseTTL, metrics
	return o
}

// newAssigner makes the assigner of one leadership.
func (d *daemon) newAssigner(a *agent.Agent, term uint64) agent.Duty {
	opts := assigner.Options{TTL: d.cfg.LeaseTTL, Committed: d.failMetrics.Steered}
	return assignerDuty{assigner.New(asAgent{a}, a, term, opts, d.log.With("component", "assigner"))}
}

// newOperator makes the operator's desk.
func (d *daemon) newOperator() *operator.Operator {
	heartbeat := consensus.DefaultConfig().HeartbeatTimeout * time.Duration(max(1, d.cfg.RaftMultiplier))
	return operator.New(asAgent{d.agent}, d.fail.controller, operator.Timing{TTL: d.cfg.LeaseTTL, Heartbeat: heartbeat})
}

// asAgent is the agent as failover knows it.
type asAgent struct{ *agent.Agent }

// asChannel opens the lease channel.
type asChannel struct{ a *agent.Agent }

func (c asChannel) OpenLease(ctx context.Context) (outbox.Stream, error) {
	s, err := c.a.OpenLease(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (c asChannel) Hold(ctx context.Context) error { return c.a.HoldLease(ctx) }

func (c asChannel) Beats() <-chan struct{} { return c.a.Beats() }

func (c asChannel) LeaderChanged() <-chan struct{} { return c.a.LeaderChanged() }

// assignerDuty is the assigner as the agent knows it.
type assignerDuty struct{ *assigner.Assigner }

func (d assignerDuty) Serve(ctx context.Context, s agent.Stream) error {
	return d.Assigner.Serve(ctx, s)
}

// applyGroups brings the groups of the config files into the state, once there is a leader. A group that says the same already is left
// alone; of members whose files differ the last to start wins.
func (d *daemon) applyGroups(ctx context.Context) {
	for i := range d.cfg.Groups {
		g := d.cfg.Groups[i]
		for ctx.Err() == nil {
			var have *cluster.Group
			_, err := d.agent.Query(ctx, cluster.QueryOptions{}, func(v *state.View) error { have = v.Group(g.Name); return nil })
			if err == nil && (have == nil || !have.Equal(&g)) {
				_, err = d.agent.Apply(ctx, cluster.WriteOptions{}, cluster.NewPutGroup(g, false))
			}
			if err == nil {
				break
			}
			if code := cluster.CodeOf(err); code == cluster.Invalid || code == cluster.Conflict {
				d.log.Error("a group of the config files is not taken", "group", g.Name, "error", err)
				break
			}
		}
	}
}
