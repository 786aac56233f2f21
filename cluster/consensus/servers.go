package consensus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
)

// Server is a member of the peer set.
type Server struct {
	ID    string
	Addr  string
	Voter bool
}

// Servers are the members of the newest peer set that this one knows, and the index of the log entry that made it, which may not be
// committed yet. It asks no disk and nobody else.
func (p *Peer) Servers() (servers []Server, index uint64, err error) {
	if _, err := p.running(); err != nil {
		return nil, 0, err
	}
	if newest := p.fsm.peers.newest.Load(); newest != nil {
		return slices.Clone(newest.servers), newest.index, nil
	}
	return nil, 0, nil
}

// PeersIndex is the index that Servers gives, 0 while there is none.
func (p *Peer) PeersIndex() uint64 {
	if _, err := p.running(); err != nil {
		return 0
	}
	return indexOf(p.fsm.peers.newest.Load())
}

// ServersNews holds a value when the index that Servers gives has changed. It has one reader.
func (p *Peer) ServersNews() <-chan struct{} { return p.fsm.peers.news }

// HasState reports whether this data_dir was ever bootstrapped, or spoken to as a member of a cluster. Bootstrap is refused if so.
func (p *Peer) HasState() (bool, error) {
	if _, err := p.running(); err != nil {
		return false, err
	}
	return p.stores.HasState()
}

// Bootstrap makes servers the first peer set of a new cluster; this member is one of its voters. Members that bootstrap
// at once must give the same servers. One that has state of a cluster already refuses (cluster.Conflict).
func (p *Peer) Bootstrap(servers []Server) error {
	r, err := p.running()
	if err != nil {
		return err
	}
	var c raft.Configuration
	for _, s := range servers {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(s.ID), Address: raft.ServerAddress(s.Addr), Suffrage: suffrage(s.Voter)})
	}
	err = settleError(context.Background(), p.stopped, func() raft.Future { return r.BootstrapCluster(c) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrCantBootstrap):
		return cluster.Errorf(cluster.Conflict, "this member belongs to a cluster already, as data_dir %q says: a second bootstrap is refused", p.cfg.DataDir)
	case errors.Is(err, raft.ErrNotVoter):
		return cluster.Errorf(cluster.Invalid, "this member (%s) is not among the voters that it should bootstrap", p.cfg.ID)
	}
	return cluster.Errorf(cluster.Invalid, "the cluster cannot be bootstrapped: %v", err)
}

func suffrage(voter bool) raft.ServerSuffrage {
	if voter {
		return raft.Voter
	}
	return raft.Nonvoter
}

// AddVoter makes a member a voter, or notes its new address. Like the other changes of the peer set it works on the leader alone, and
// does nothing where the peer set is as wanted.
func (p *Peer) AddVoter(ctx context.Context, id, addr string) error {
	return p.add(ctx, id, addr, func(s Server) bool { return s.Voter }, (*raft.Raft).AddVoter)
}

// AddNonvoter adds a member that holds the state and has no vote, or notes its new address. A voter stays one.
func (p *Peer) AddNonvoter(ctx context.Context, id, addr string) error {
	return p.add(ctx, id, addr, func(Server) bool { return true }, (*raft.Raft).AddNonvoter)
}

type adder func(*raft.Raft, raft.ServerID, raft.ServerAddress, uint64, time.Duration) raft.IndexFuture

func (p *Peer) add(ctx context.Context, id, addr string, fits func(Server) bool, add adder) error {
	if id == "" || addr == "" {
		return cluster.Errorf(cluster.Invalid, "a member of the peer set needs an ID and an address: given %q and %q", id, addr)
	}
	return p.change(ctx, func(servers []Server) (bool, error) {
		done := false
		for _, s := range servers {
			switch {
			case s.ID == id:
				done = s.Addr == addr && fits(s)
			case s.Addr == addr:
				return false, cluster.Errorf(cluster.Conflict, "the address %s belongs to the member %s of the peer set: remove that one before %s gets it", addr, s.ID, id)
			}
		}
		return done, nil
	}, func(r *raft.Raft, timeout time.Duration) raft.IndexFuture {
		return add(r, raft.ServerID(id), raft.ServerAddress(addr), 0, timeout)
	})
}

// Remove takes a member out of the peer set. A leader that removes itself ceases to lead.
func (p *Peer) Remove(ctx context.Context, id string) error {
	return p.change(ctx, func(servers []Server) (bool, error) {
		return !has(servers, id), checkLastVoter(servers, id)
	}, func(r *raft.Raft, timeout time.Duration) raft.IndexFuture {
		return r.RemoveServer(raft.ServerID(id), 0, timeout)
	})
}

func has(servers []Server, id string) bool {
	for _, s := range servers {
		if s.ID == id {
			return true
		}
	}
	return false
}

func checkLastVoter(servers []Server, id string) error {
	for _, s := range servers {
		if s.Voter && s.ID != id {
			return nil
		}
	}
	return cluster.Errorf(cluster.Conflict, "%s is the last voter: the cluster would end with it", id)
}

// change changes the peer set, unless look finds it done or refuses.
func (p *Peer) change(ctx context.Context, look func([]Server) (done bool, err error), start func(*raft.Raft, time.Duration) raft.IndexFuture) error {
	r, err := p.running()
	if err != nil {
		return err
	}
	if !p.IsLeader() {
		return cluster.ErrNoLeader
	}
	servers, _, err := p.Servers()
	if err != nil {
		return err
	}
	if done, err := look(servers); done || err != nil {
		return err
	}
	if err := settleError(ctx, p.stopped, func() raft.Future { return start(r, remaining(ctx)) }); err != nil {
		return asClusterError("the change of the peer set", err)
	}
	return nil
}
