package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent/identity"
	"holdfast/cluster/consensus"
	"holdfast/cluster/event"
	"holdfast/cluster/flight"
	"holdfast/cluster/gossip"
	"holdfast/cluster/local"
	"holdfast/cluster/quorum"
	"holdfast/cluster/rpc"
	"holdfast/cluster/secure"
	"holdfast/cluster/state"
	"holdfast/cluster/wan"
)

// Agent is one member of a cluster.
type Agent struct {
	cfg Config
	log *slog.Logger
	id  string

	store    *state.Store
	server   *rpc.Server
	client   *rpc.Client
	peer     *consensus.Peer
	voter    *quorum.Voter
	asker    *quorum.Asker
	pool     *gossip.Pool
	wan      *wan.Pool // nil where this member is in no pool between datacenters
	registry *local.Registry
	events   *event.Ring
	metrics  *metrics
	belongs  *identity.Belonging

	reads    [2]*flight.Group[uint64]   // the leader's index, asked where another member leads: default and consistent
	leads    atomic.Pointer[leadership] // what this member has while it leads, else nil
	caughtUp chan struct{}              // closed when stale reads need not wait any more
	news     chan struct{}              // holds one: gossip has news for the bootstrap
	changes  atomic.Uint64              // how often a member has changed
	behind   atomic.Pointer[behind]
	asked    chan struct{} // closed when each address to join was tried once
	misled   atomic.Bool   // it was said that the state is another cluster's

	rules   atomic.Pointer[secure.Rules]
	exposed sync.Map // names of members of which it was said that they are spoken to in plain text

	cancel      context.CancelFunc
	loops       sync.WaitGroup
	endRegistry func() // ends anti-entropy, and waits for its last write
	closed      sync.Once
}

// New makes an agent; Open starts it.
func New(cfg Config, log *slog.Logger) *Agent {
	a := &Agent{
		cfg: cfg, log: log, store: state.New(), events: event.NewRing(), metrics: newMetrics(cfg.Metrics), belongs: identity.NewBelonging(),
		news: make(chan struct{}, 1), asked: make(chan struct{}), caughtUp: make(chan struct{}),
	}
	a.rules.Store(&cfg.Secure)
	for _, c := range []cluster.Consistency{cluster.Default, cluster.Consistent} {
		a.reads[c] = flight.New(holdTimeout, func(ctx context.Context) (uint64, error) { return a.readIndex(ctx, c) })
	}
	return a
}

// Open takes the ports and the data directory, and starts the member. An error is one sentence; then nothing runs and nothing has
// changed but what a data directory of an earlier run holds anyway.
func (a *Agent) Open() (err error) {
	var undo []func()
	defer func() {
		if err != nil {
			for _, f := range slices.Backward(undo) {
				f()
			}
		}
	}()
	if err = a.refuseSecondBootstrap(); err != nil {
		return err
	}
	if err = a.openRPC(); err != nil { // the ports first: a port in use changes nothing on the disk
		return err
	}
	undo = append(undo, a.client.Close, func() { _ = a.server.Close() })
	if err = a.gossipPortFree(); err != nil {
		return err
	}
	if err = a.identify(); err != nil {
		return err
	}
	a.pool = a.newGossip()
	a.wan = a.newWAN()
	if err = a.newConsensus(); err != nil {
		return err
	}
	if err = a.peer.Open(); err != nil {
		return err
	}
	undo = append(undo, func() { _ = a.peer.Close() })
	if err = a.openBelonging(); err != nil {
		return err
	}
	if err = a.openRegistry(); err != nil {
		return err
	}
	a.serve()
	a.server.Open()
	if err = a.pool.Open(); err != nil { // events that it brings ask the registry whom they are meant for
		return err
	}
	undo = append(undo, func() { _ = a.pool.Close() })
	if err = a.openWAN(); err != nil {
		return err
	}
	a.start()
	return nil
}

// identify finds out who this member is.
func (a *Agent) identify() error {
	who, err := identity.Open(a.cfg.DataDir, a.cfg.ID, a.cfg.Name)
	if err != nil {
		return err
	}
	a.id = who.ID
	if who.Cluster != "" {
		a.belongs.Settle(who.Cluster)
	}
	return nil
}

// openRegistry reads the registrations of earlier runs.
func (a *Agent) openRegistry() error {
	o := a.cfg.CheckOutput
	opts := local.Options{
		Node: a.cfg.node(a.id), Dir: filepath.Join(a.cfg.DataDir, "registrations"), OutputInterval: o.Interval, OutputMaxSize: o.MaxSize, DiscardOutput: o.Discard,
		Identity: func() *tls.Config { return a.rules.Load().Checks },
	}
	a.registry = local.New(opts, a, a.log.With("component", "local"))
	return a.registry.Load()
}

// start runs the member's loops.
func (a *Agent) start() {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	if a.cfg.Metrics != nil {
		a.cfg.Metrics.MustRegister(condition{a})
	}
	a.loops.Go(func() { a.peer.Lead(ctx, a.lead) })
	a.endRegistry = a.runRegistry(ctx)
	a.loops.Go(func() { a.cfg.Join.Run(ctx, a.pool, a.log, func() { close(a.asked) }) })
	a.loops.Go(func() { a.wan.Run(ctx) })
	a.loops.Go(func() { a.bootstrapLoop(ctx) })
	a.loops.Go(func() { a.catchUpLoop(ctx) })
	a.loops.Go(func() { a.noteLoop(ctx) })
	a.loops.Go(func() { a.settleLoop(ctx) })
	if !a.cfg.DisableCoordinates {
		a.loops.Go(func() { a.coordinateLoop(ctx) })
	}
	a.loops.Go(func() { a.belongLoop(ctx) })
}

// runRegistry keeps the catalog in step with what is registered here until ctx is over or end is called.
func (a *Agent) runRegistry(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	a.loops.Go(func() {
		defer close(done)
		a.registry.Run(ctx)
	})
	return func() {
		cancel()
		<-done
	}
}

// noteLoop lets the voter see changes of the peer set when they happen, rather than when a leader asks.
func (a *Agent) noteLoop(ctx context.Context) {
	for ctx.Err() == nil {
		a.voter.Note()
		select {
		case <-a.peer.ServersNews():
		case <-ctx.Done():
		}
	}
}

// Close stops the member without a word to the others, who see it fail. It waits for everything the member started.
func (a *Agent) Close() error {
	var err error
	a.closed.Do(func() {
		a.cancel()
		a.loops.Wait()
		_ = a.wan.Close()
		_ = a.pool.Close() // it is over for the others either way
		err = errors.Join(a.peer.Close(), a.registry.Close())
		a.client.Close()
		_ = a.server.Close() // nothing uses its listener any more
	})
	return err
}

// Unfit gets why this member cannot go on, and is to be closed: the cluster has gone on to a newer version. It has one reader.
func (a *Agent) Unfit() <-chan error { return a.peer.Unfit() }

// ID is the node ID.
func (a *Agent) ID() string { return a.id }

// Name is the node name.
func (a *Agent) Name() string { return a.cfg.Name }

// Registry is what this agent registered.
func (a *Agent) Registry() *local.Registry { return a.registry }

// Store is the replicated state as this member has it, however stale.
func (a *Agent) Store() *state.Store { return a.store }

// Members are the members of the pool as this one sees them, in the order of their names.
func (a *Agent) Members() []cluster.Member { return a.pool.Members() }

// Self is this member as the pool sees it.
func (a *Agent) Self() cluster.Member { return a.pool.Self() }

// Join makes this member known to the pool of the members at addrs ("host" or "host:port"), and answers how many were reached.
func (a *Agent) Join(ctx context.Context, addrs []string) (int, error) {
	return a.pool.Join(ctx, addrs)
}

// ForceLeave turns a failed member into one that has left; with prune it is forgotten at once.
func (a *Agent) ForceLeave(name string, prune bool) error { return a.pool.ForceLeave(name, prune) }

// ConfirmLease returns nil once a majority of voters has said, after the call began, that it follows this leader.
func (a *Agent) ConfirmLease(ctx context.Context) error { return a.asker.ConfirmLease(ctx) }

// HoldLease returns nil once every voter has promised that what this member holds may go on without a leader.
func (a *Agent) HoldLease(ctx context.Context) error { return a.asker.Hold(ctx) }

// OlderLeases is how long a lease that an older leader granted may still live.
func (a *Agent) OlderLeases(ctx context.Context) (time.Duration, error) {
	return a.asker.OlderLeases(ctx)
}

// IsLeader reports whether this member leads.
func (a *Agent) IsLeader() bool { return a.peer.IsLeader() }

// Leader is the RPC address of the leader as this member knows it, "" for none.
func (a *Agent) Leader() string {
	_, addr := a.peer.Leader()
	return addr
}

// Beats holds a value at the moments when a word to the leader costs least. It has one reader.
func (a *Agent) Beats() <-chan struct{} { return a.peer.Beats() }

// LeaderChanged is closed when who leads has changed since the call.
func (a *Agent) LeaderChanged() <-chan struct{} { return a.peer.LeaderChanged() }

// WatchView is the state as this member has it, however stale, with what to wait for.
func (a *Agent) WatchView() *state.View { return a.store.WatchView() }

// Peers is the Raft configuration.
func (a *Agent) Peers() ([]cluster.Peer, error) {
	servers, _, err := a.peer.Servers()
	if err != nil {
		return nil, err
	}
	out := make([]cluster.Peer, len(servers))
	for i, s := range servers {
		out[i] = cluster.Peer(s)
	}
	return out, nil
}

// PeersIndex is the index of the log entry that made the Raft configuration.
func (a *Agent) PeersIndex() uint64 { return a.peer.PeersIndex() }

// Stats are facts about Raft, by name.
func (a *Agent) Stats() map[string]string { return a.peer.Stats() }
