package agent

import (
	"context"
	"sync"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/consensus"
	"holdfast/cluster/leader"
	"holdfast/cluster/rpc"
	"holdfast/cluster/state"
)

// leadership is what this member has while it leads.
type leadership struct {
	ctx  context.Context
	term *leader.Term
	duty Duty // nil where the config has none
}

// lead does the leader's duties until ctx, which is the leadership, ends.
func (a *Agent) lead(ctx context.Context) {
	opts := leader.DefaultOptions()
	opts.Self, opts.Datacenter, opts.ClusterID = a.cfg.Name, a.cfg.Datacenter, a.belongs.Known()
	if a.cfg.ReconnectTimeout > 0 {
		opts.ForgetAfter = a.cfg.ReconnectTimeout
	}
	opts.CAClusterID, opts.Commands = a.cfg.CAClusterID, codec.OwnVocabulary()
	if a.cfg.Autopilot != nil {
		opts.Autopilot = *a.cfg.Autopilot
	}
	l := &leadership{ctx: ctx, term: leader.New(leading{a}, opts, a.log.With("component", "leader"))}
	if a.cfg.Duty != nil {
		l.duty = a.cfg.Duty(a, consensus.TermOf(ctx))
	}
	a.leads.Store(l)
	defer a.leads.Store(nil)
	a.log.Info("this member leads", "term", consensus.TermOf(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { l.term.Run(ctx) })
	wg.Go(func() { a.followRestores(ctx, l.term) })
	if l.duty != nil {
		wg.Go(func() { l.duty.Run(ctx) })
	}
	wg.Wait()
	a.log.Info("this member leads no longer")
}

// followRestores tells the duties when a snapshot has replaced the state.
func (a *Agent) followRestores(ctx context.Context, term *leader.Term) {
	for replaced := a.store.Replaced(); ; {
		select {
		case <-replaced:
			replaced = a.store.Replaced()
			term.Restored()
		case <-ctx.Done():
			return
		}
	}
}

// leading is the agent as the leader's duties see it: its writes go into the log here or fail.
type leading struct{ a *Agent }

func (l leading) Apply(ctx context.Context, cmd cluster.Command) (any, error) {
	body, err := codec.EncodeCommand(cmd)
	if err != nil {
		return nil, err
	}
	return l.a.propose(ctx, body)
}

func (l leading) WatchView() *state.View         { return l.a.store.WatchView() }
func (l leading) Members() []cluster.Member      { return l.a.pool.Members() }
func (l leading) Peers() ([]cluster.Peer, error) { return l.a.Peers() }

func (l leading) AddPeer(ctx context.Context, p cluster.Peer) error {
	if p.Voter {
		return l.a.peer.AddVoter(ctx, p.ID, p.Addr)
	}
	return l.a.peer.AddNonvoter(ctx, p.ID, p.Addr)
}

func (l leading) ServerStats(ctx context.Context, servers []cluster.Peer) map[string]cluster.ServerStats {
	return l.a.serverStats(ctx, servers)
}

func (l leading) RemovePeer(ctx context.Context, id string) error { return l.a.peer.Remove(ctx, id) }

// serveLease hands a member's lease channel to the failover duty.
func (a *Agent) serveLease(ctx context.Context, s Stream) error {
	l := a.leads.Load()
	if l == nil || l.duty == nil {
		return cluster.ErrNoLeader
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.ctx, func() { cancel(); _ = s.Close() })() // leadership is over: the member looks for the next leader
	return l.duty.Serve(ctx, s)
}

// OpenLease opens this member's lease channel to the leader, which may be itself. The channel ends when another member leads, and
// when the leader says nothing for longer than a lease lives.
func (a *Agent) OpenLease(ctx context.Context) (Stream, error) {
	changed := a.peer.LeaderChanged()
	_, addr := a.peer.Leader()
	if addr == "" {
		return nil, cluster.ErrNoLeader
	}
	ctx, cancel := context.WithCancel(ctx)
	go a.endWithLeader(ctx, cancel, addr, changed) // from here on: a frozen leader accepts a connection and says no more
	s, err := a.client.OpenStream(ctx, addr, methodLease)
	if err != nil {
		cancel()
		return nil, err
	}
	s.SetRecvTimeout(a.cfg.LeaseTTL)
	return leaseStream{s, cancel}, nil
}

// endWithLeader ends the context of a lease channel when the leader is no longer the one at addr.
func (a *Agent) endWithLeader(ctx context.Context, cancel context.CancelFunc, addr string, changed <-chan struct{}) {
	defer cancel()
	for {
		if _, now := a.peer.Leader(); now != addr {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			changed = a.peer.LeaderChanged()
		}
	}
}

// leaseStream is a stream with the watch over it.
type leaseStream struct {
	*rpc.Stream
	cancel context.CancelFunc
}

// Close ends both.
func (s leaseStream) Close() error {
	defer s.cancel()
	return s.Stream.Close()
}
