package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/consensus"
	"holdfast/cluster/rpc"
)

// The methods that members serve each other. Their numbers travel and must not change.
const (
	methodApply     rpc.Method = 1 // request: an encoded command; answer: its encoded result
	methodReadIndex rpc.Method = 2 // request: one byte, the consistency; answer: an index, 8 bytes
	methodRenew     rpc.Method = 3 // request: a session ID; answer: empty
	methodPeers     rpc.Method = 4 // request: empty; answer: one byte, 1 where the member has been bootstrapped
	methodQuorum    rpc.Method = 5 // request and answer: cluster/quorum's
	methodLease     rpc.Method = 6 // a stream: failover/lease's

	methodServer     rpc.Method = 20 // request: empty; answer: cluster.ServerStats in JSON
	methodServers    rpc.Method = 21 // to the leader; request: empty; answer: cluster.ServerHealth of every server in JSON
	methodRemovePeer rpc.Method = 22 // to the leader; request: a node ID; answer: empty
	methodTransfer   rpc.Method = 23 // to the leader; request: a node ID or nothing; answer: empty

	methodCoordinate rpc.Method = 14 // request: an encoded UpdateCoordinates; answer: empty
)

// Apply is the only way to write. An error of code cluster.Unknown means that the write may or may not have happened; every other
// error means that it has not. With the context of a leadership it writes in that one's term or not at all.
func (a *Agent) Apply(ctx context.Context, _ cluster.WriteOptions, cmd cluster.Command) (any, error) {
	defer a.metrics.wrote(cmd, time.Now())
	body, err := codec.EncodeCommand(cmd)
	if err != nil {
		return nil, err
	}
	if err := a.understood(body); err != nil { // here too: a leader of 0.1.0 would take it
		return nil, err
	}
	if consensus.TermOf(ctx) != 0 {
		// A leader's own write rests on what this leader alone knows, of leases for one: another leader is not to commit it.
		return a.propose(ctx, body)
	}
	var result any
	err = a.atLeader(ctx, func(ctx context.Context) error {
		var err error
		result, err = a.propose(ctx, body)
		return err
	}, func(ctx context.Context, addr string) error {
		b, err := a.callLeader(ctx, addr, methodApply, body)
		if err == nil {
			result, err = codec.DecodeResult(b)
		}
		return err
	})
	return result, err
}

// atLeader runs here where this member leads, else there with the leader's address. Where certainly nothing was done (no leader, or it
// could not be reached) it tries again until holdTimeout has passed.
func (a *Agent) atLeader(ctx context.Context, here func(context.Context) error, there func(context.Context, string) error) error {
	deadline := time.Now().Add(holdTimeout)
	for {
		changed := a.peer.LeaderChanged()
		err := error(cluster.ErrNoLeader)
		if a.peer.IsLeader() {
			err = here(ctx)
		} else if _, addr := a.peer.Leader(); addr != "" {
			err = there(ctx, addr)
		}
		code := cluster.CodeOf(err)
		if err == nil || (code != cluster.NoLeader && code != cluster.Unavailable) {
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return cluster.ErrNoLeader
		}
		untilChange(ctx, changed, 20*time.Millisecond)
	}
}

// errLeaderReplaced ends calls to a leader that is not heard of any more.
var errLeaderReplaced = errors.New("another member leads by now")

// callLeader calls the leader at addr, and waits for its answer until this member knows another leader: one that is frozen or cut off would
// else be waited for until its silence is noticed, long after there is another.
func (a *Agent) callLeader(ctx context.Context, addr string, m rpc.Method, req []byte) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for ctx.Err() == nil {
			changed := a.peer.LeaderChanged()
			if _, now := a.peer.Leader(); now != "" && now != addr {
				cancel(errLeaderReplaced)
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}()
	return a.client.Call(ctx, addr, m, req)
}

// untilChange waits for a change of the leader, but not for long: a leader may also become ready without one.
func untilChange(ctx context.Context, changed <-chan struct{}, limit time.Duration) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
}

// serve registers what this member answers to the others.
func (a *Agent) serve() {
	a.server.Handle(methodApply, func(ctx context.Context, req []byte) ([]byte, error) {
		v, err := a.propose(ctx, req)
		if err != nil {
			return nil, err
		}
		return codec.EncodeResult(v, nil), nil
	})
	a.server.Handle(methodReadIndex, func(ctx context.Context, req []byte) ([]byte, error) {
		if len(req) != 1 {
			return nil, cluster.Errorf(cluster.Invalid, "a read index request of %d bytes: want 1", len(req))
		}
		if !a.peer.IsLeader() {
			return nil, cluster.ErrNoLeader
		}
		index, err := a.leaderIndex(ctx, cluster.Consistency(req[0]))
		return binary.BigEndian.AppendUint64(nil, index), err
	})
	a.server.Handle(methodRenew, func(_ context.Context, req []byte) ([]byte, error) {
		return nil, a.renewHere(string(req))
	})
	a.server.Handle(methodPeers, func(context.Context, []byte) ([]byte, error) {
		has, err := a.peer.HasState()
		if err != nil || !has {
			return []byte{0}, err
		}
		return []byte{1}, nil
	})
	a.server.Handle(methodQuorum, func(_ context.Context, req []byte) ([]byte, error) { return a.voter.Answer(req) })
	a.server.Handle(methodCoordinate, func(_ context.Context, req []byte) ([]byte, error) { return nil, a.coordinateHere(req) })
	a.serveOperator()
	a.server.HandleStream(methodLease, func(ctx context.Context, s *rpc.Stream) error { return a.serveLease(ctx, s) })
}

func decodeIndex(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, cluster.Errorf(cluster.Internal, "the leader answered a read index of %d bytes: want 8", len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}
