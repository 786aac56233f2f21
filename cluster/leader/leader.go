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
	// ServerStats asks servers how they are, until ctx ends; who does not answer is not in the map, which is by ID.
	ServerStats(ctx context.Context, servers []cluster.Peer) map[string]cluster.ServerStats
}

// Options are the times of the duties. DefaultOptions has Consul's, but for shorter passes: they read memory alone, and mend what no event tells.
type Options struct {
	Self              string             // the leader's own node name
	Datacenter        string             //
	ClusterID         string             // what this member has learned of it, "" for nothing; the state's goes before it
	Commands          cluster.Vocabulary // what a new member must be able to apply, for the log and the snapshot may hold it
	ReconcileInterval time.Duration      // between full passes; an event starts one at once
	UnknownGrace      time.Duration      // a node that gossip does not know turns critical after this: the pool may still be gathering
	ForgetAfter       time.Duration      // and is deregistered after this (reconnect_timeout)
	TombstoneTTL      time.Duration      // a tombstone is kept at least this long, so that slow watchers see the delete

	CoordinateInterval time.Duration // how long the members' coordinates are gathered before they are written

	Autopilot   cluster.Autopilot // what a cluster begins with
	CAClusterID string            // a UUID that the root of the CA is named after, "" for the cluster's ID
}

// DefaultOptions are the times a production leader uses.
func DefaultOptions() Options {
	return Options{
		ReconcileInterval: 10 * time.Second, UnknownGrace: 10 * time.Second, ForgetAfter: 72 * time.Hour, TombstoneTTL: 15 * time.Minute,
		CoordinateInterval: 5 * time.Second, Autopilot: cluster.DefaultAutopilot(),
	}
}

// Term is one leadership.
type Term struct {
	cluster   Cluster
	opts      Options
	log       *slog.Logger
	kick      chan struct{} // holds one: a pass is due
	sessions  *sessions
	wellbeing *wellbeing

	coordinates *coordinates
	seats       sync.Mutex // held by the duty that changes the peer set, from its look on

	mu     sync.Mutex      // guards following
	reaped map[string]bool // members that gossip has forgotten and that are yet to be dismissed
}

// New makes a term; Run carries it out.
func New(c Cluster, opts Options, log *slog.Logger) *Term {
	return &Term{cluster: c, opts: opts, log: log, kick: make(chan struct{}, 1), sessions: newSessions(), wellbeing: newWellbeing(), coordinates: newCoordinates(), reaped: map[string]bool{}}
}

// Run does the leader's duties until ctx ends.
func (t *Term) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, duty := range []func(context.Context){t.name, t.found, t.autopilot, t.reconcile, t.expireSessions, t.reapTombstones, t.writeCoordinates} {
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

// Restored says that a snapshot has replaced the state: every session has its full time from now on, whenever it was last renewed, and the
// catalog is compared with the pool at once.
func (t *Term) Restored() {
	t.sessions.restart()
	t.MembersChanged("")
}

// isReaped reports whether gossip has said that it has forgotten a member.
func (t *Term) isReaped(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reaped[name]
}

// forgetReaped drops the word that a member was reaped: it has been dismissed, or is back.
func (t *Term) forgetReaped(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.reaped, name)
}
