package consensus

import (
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
)

// TransferLeadership hands the leadership to the member id, or to the most advanced voter if id is "", and waits until this member
// no longer leads. If it fails this member goes on leading.
func (p *Peer) TransferLeadership(ctx context.Context, id string) error {
	r, err := p.running()
	if err != nil {
		return err
	}
	if !p.IsLeader() {
		return cluster.ErrNoLeader
	}
	transfer, err := transferTo(p, r, id)
	if err != nil {
		return err
	}
	err = settleError(ctx, p.stopped, transfer)
	switch {
	case err == nil, errors.Is(err, raft.ErrNotLeader):
		return nil
	case ctx.Err() != nil, errors.Is(err, raft.ErrRaftShutdown):
		return asClusterError("the transfer of the leadership", err)
	}
	return cluster.Errorf(cluster.Unavailable, "the leadership could not be handed over: %v", err)
}

func transferTo(p *Peer, r *raft.Raft, id string) (func() raft.Future, error) {
	if id == "" {
		return r.LeadershipTransfer, nil
	}
	servers, _, err := p.Servers()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(servers, func(s Server) bool { return s.ID == id && s.Voter })
	if i < 0 || id == p.cfg.ID {
		return nil, cluster.Errorf(cluster.Invalid, "the leadership cannot be handed to %q: it is not another voter of the peer set", id)
	}
	return func() raft.Future {
		return r.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(servers[i].Addr))
	}, nil
}
