package assigner

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
	"holdfast/cluster/state"
	"holdfast/failover/lease"
	"holdfast/failover/outbox"
)

// Agent is what the assigner needs of the member that it runs on.
type Agent interface {
	Name() string
	WatchView() *state.View
	Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error)
}

// Quorum is the majority's word for the leader.
type Quorum interface {
	// ConfirmLease returns nil once a majority of voters has said, after the call began, that it follows this leader.
	ConfirmLease(ctx context.Context) error
	// OlderLeases is how long a lease that an earlier leader granted may still live.
	OlderLeases(ctx context.Context) (time.Duration, error)
}

// Options tune an assigner.
type Options struct {
	TTL       time.Duration        // of a lease
	Committed func(*cluster.Steer) // told what it has committed; may be nil
	Now       func() time.Time     // the clock of leases; nil for lease.Now
}

// Assigner is what the leader does for failover: it keeps the lease channels, grants leases, and assigns groups to machines. One Assigner
// lives for one leadership.
type Assigner struct {
	agent   Agent
	quorum  Quorum
	opts    Options
	term    uint64
	log     *slog.Logger
	wake    chan struct{}    // holds one: something that Steer reads has changed
	awaited []*cluster.Await // to be noted; the steer loop's
	ready   chan struct{}    // closed once the older leaders' leases are known

	mu       sync.Mutex // guards following
	granter  *lease.Granter
	machines map[string]*machine
	began    time.Time // when this leadership did
	listens  time.Time // since when it listens to the machines
	stalled  time.Time // when this leader found that it had stood still; zero while it has not
}

// New makes the assigner of one term. Every server must have the same TTL.
func New(agent Agent, quorum Quorum, term uint64, opts Options, log *slog.Logger) *Assigner {
	if opts.Committed == nil {
		opts.Committed = func(*cluster.Steer) {}
	}
	if opts.Now == nil {
		opts.Now = lease.Now
	}
	return &Assigner{
		agent: agent, quorum: quorum, opts: opts, term: term, log: log, wake: make(chan struct{}, 1), ready: make(chan struct{}),
		machines: map[string]*machine{},
	}
}

// Run assigns and grants until ctx, which is the leadership, ends.
func (a *Assigner) Run(ctx context.Context) {
	if !a.begin(ctx) {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.pushLoop(ctx) })
	a.steerLoop(ctx)
}

// begin asks a majority until when older leaders' leases may live. Before that is known nothing is granted.
func (a *Assigner) begin(ctx context.Context) bool {
	a.mu.Lock()
	a.began = time.Now()
	a.mu.Unlock()
	var again retry
	for ctx.Err() == nil {
		left, err := a.quorum.OlderLeases(ctx)
		if err == nil {
			a.mu.Lock()
			a.granter, a.listens = lease.NewTermGranter(a.term, a.opts.TTL, a.opts.Now().Add(left)), time.Now()
			a.mu.Unlock()
			close(a.ready)
			a.log.Info("leases of older leaders have ended after", "remaining", left.String(), "asked", time.Since(a.began).String())
			return true
		}
		wait, tell := again.next()
		if tell {
			a.log.Warn("cannot ask a majority about the leases of older leaders, will ask again", "times", again.failed, "error", err)
		}
		pause.For(ctx, wait)
	}
	return false
}

// Serve carries the lease channel of one machine until the stream breaks.
func (a *Assigner) Serve(ctx context.Context, s outbox.Stream) error {
	select {
	case <-a.ready:
	case <-ctx.Done():
		return cluster.ErrNoLeader
	}
	out := outbox.New(s)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		out.Run()
	}()
	defer func() { <-sent }()
	defer out.Close()
	node := ""
	defer func() { a.closed(node, out) }()
	for {
		msg, err := s.Recv()
		if err != nil {
			return nil // the machine or the leadership is gone; both have their own way to be noticed
		}
		r, err := lease.DecodeRenewal(msg)
		if err != nil {
			return cluster.Errorf(cluster.Invalid, "a lease renewal that cannot be read: %v", err)
		}
		if node == "" {
			node = r.Node
		}
		if r.Node != node || node == "" {
			return cluster.Errorf(cluster.Invalid, "a lease channel of %q carried a renewal of %q", node, r.Node)
		}
		a.renewed(ctx, out, r)
	}
}

// closed forgets the way to a machine. What it holds is not touched: a daemon that comes back within the lease carries on.
func (a *Assigner) closed(node string, out *outbox.Outbox) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.machines[node]; c != nil && c.out == out {
		c.out = nil
	}
}

// changed makes the steer loop look again.
func (a *Assigner) changed() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}
