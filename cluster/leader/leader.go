package leader

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Cluster is what the duties need of the member that leads.
type Cluster interface {
	Apply(ctx context.Context, cmd cluster.Command) (any, error)
	WatchView() *state.View
	Members() []cluster.Member
	Peers() ([]cluster.Peer, error)
	AddPeer(ctx context.Context, p cluster.Peer) error
	RemovePeer(ctx context.Context, id string) error
}

// Options are the times of the duties. DefaultOptions has Consul's.
type Options struct {
	Self              string        // the leader's own node name
	Datacenter        string        //
	ReconcileInterval time.Duration // between full passes; an event starts one at once
	ForgetAfter       time.Duration // a node that gossip does not know is deregistered after this (reconnect_timeout)
	TombstoneTTL      time.Duration // a tombstone is kept at least this long, so that slow watchers see the delete
}

// DefaultOptions are the times a production leader uses.
func DefaultOptions() Options {
	return Options{ReconcileInterval: time.Minute, ForgetAfter: 72 * time.Hour, TombstoneTTL: 15 * time.Minute}
}

// Term is one leadership.
type Term struct {
	cluster  Cluster
	opts     Options
	log      *slog.Logger
	kick     chan struct{} // holds one: a pass is due
	sessions *sessions

	mu     sync.Mutex      // guards following
	reaped map[string]bool // members that gossip has forgotten since the last pass
}

// New makes a term; Run carries it out.
func New(c Cluster, opts Options, log *slog.Logger) *Term {
	return &Term{cluster: c, opts: opts, log: log, kick: make(chan struct{}, 1), sessions: newSessions(), reaped: map[string]bool{}}
}

// Run does the leader's duties until ctx ends.
func (t *Term) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, duty := range []func(context.Context){t.reconcile, t.expireSessions, t.reapTombstones} {
		wg.Go(func() { duty(ctx) })
	}
	wg.Wait()
}

// MembersChanged says that gossip has news, so that a pass is made at once. reaped is the name of a member that gossip has forgotten,
// "" for any other news.
func (t *Term) MembersChanged(reaped string) {
	if reaped != "" {
		t.mu.Lock()
		t.reaped[reaped] = true
		t.mu.Unlock()
	}
	select {
	case t.kick <- struct{}{}:
	default:
	}
}
