package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"holdfast/cluster"
)

// keyringTimeout is how long the members have to answer about their keys.
const keyringTimeout = 5 * time.Second

// What operators ask of the servers, and the leader of each.

// serveOperator registers it with the RPC port.
func (a *Agent) serveOperator() {
	a.server.Handle(methodServer, func(context.Context, []byte) ([]byte, error) { return json.Marshal(a.ownStats()) })
	a.server.Handle(methodServers, func(context.Context, []byte) ([]byte, error) {
		servers, err := a.serversHere()
		if err != nil {
			return nil, err
		}
		return json.Marshal(servers)
	})
	a.server.Handle(methodRemovePeer, func(ctx context.Context, req []byte) ([]byte, error) { return nil, a.peer.Remove(ctx, string(req)) })
	a.server.Handle(methodTransfer, func(ctx context.Context, req []byte) ([]byte, error) { return nil, a.transferHere(ctx, string(req)) })
}

func (a *Agent) ownStats() cluster.ServerStats {
	index, term := a.peer.LastEntry()
	return cluster.ServerStats{LastContact: a.peer.LastContact(), LastIndex: index, LastTerm: term}
}

// serverStats asks servers how they are, all at once, until ctx ends.
func (a *Agent) serverStats(ctx context.Context, servers []cluster.Peer) map[string]cluster.ServerStats {
	var asking sync.WaitGroup
	var mu sync.Mutex // guards out
	out := map[string]cluster.ServerStats{}
	for _, s := range servers {
		if s.ID == a.id {
			mu.Lock()
			out[s.ID] = a.ownStats()
			mu.Unlock()
			continue
		}
		asking.Go(func() {
			var stats cluster.ServerStats
			addr, err := a.peer.Address(s.ID)
			if err != nil {
				return
			}
			b, err := a.client.Call(ctx, addr, methodServer, nil)
			if err != nil || json.Unmarshal(b, &stats) != nil {
				return // it is not well, and that is all there is to say
			}
			mu.Lock()
			defer mu.Unlock()
			out[s.ID] = stats
		})
	}
	asking.Wait()
	return out
}

// Servers is what the leader thinks of every server, in the order of their names.
func (a *Agent) Servers(ctx context.Context) (servers []cluster.ServerHealth, err error) {
	err = a.atLeader(ctx, func(context.Context) error {
		servers, err = a.serversHere()
		return err
	}, func(ctx context.Context, addr string) error {
		b, err := a.callLeader(ctx, addr, methodServers, nil)
		if cluster.CodeOf(err) == cluster.Unknown {
			return cluster.ErrNoLeader // a question can be asked again
		}
		if err == nil && json.Unmarshal(b, &servers) != nil {
			return cluster.Errorf(cluster.Internal, "the leader's answer about the servers cannot be read")
		}
		return err
	})
	return servers, err
}

// serversHere is Servers on the leader. A leader that has not asked yet is none for this purpose.
func (a *Agent) serversHere() ([]cluster.ServerHealth, error) {
	if l := a.leads.Load(); l != nil {
		if servers := l.term.Servers(); servers != nil {
			return servers, nil
		}
	}
	return nil, cluster.ErrNoLeader
}

// ServerStats asks the servers of the peer set how they are. Who does not answer soon is left out of the map, which is by ID.
func (a *Agent) ServerStats(ctx context.Context) (map[string]cluster.ServerStats, error) {
	peers, err := a.Peers()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return a.serverStats(ctx, slices.DeleteFunc(peers, func(p cluster.Peer) bool { return !p.Voter })), nil
}

// Keyring does something with a gossip key here and, unless alone, on every other living member, and gives all answers in the order of the
// members' names.
func (a *Agent) Keyring(ctx context.Context, _ cluster.WriteOptions, op cluster.KeyOp, key []byte, alone bool) ([]cluster.KeyAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, keyringTimeout)
	defer cancel()
	return a.pool.Keyring(ctx, op, key, alone)
}

// RemovePeer takes a member out of the peer set, for good or until the leader admits it again: one that lives, it does.
func (a *Agent) RemovePeer(ctx context.Context, _ cluster.WriteOptions, id string) error {
	return a.atLeader(ctx, func(ctx context.Context) error { return a.peer.Remove(ctx, id) }, func(ctx context.Context, addr string) error {
		_, err := a.callLeader(ctx, addr, methodRemovePeer, []byte(id))
		return err
	})
}

// TransferLeadership hands the leadership to the server id, or to whichever is furthest where id is "".
func (a *Agent) TransferLeadership(ctx context.Context, _ cluster.WriteOptions, id string) error {
	return a.atLeader(ctx, func(ctx context.Context) error { return a.transferHere(ctx, id) }, func(ctx context.Context, addr string) error {
		_, err := a.client.Call(ctx, addr, methodTransfer, []byte(id)) // that another leads is no reason to hang up
		return err
	})
}

func (a *Agent) transferHere(ctx context.Context, id string) error {
	if !a.peer.IsLeader() {
		return cluster.ErrNoLeader
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := a.peer.TransferLeadership(ctx, id); err != nil {
		if cluster.CodeOf(err) == cluster.Unavailable { // it would be tried again, and it was tried
			return cluster.Errorf(cluster.Conflict, "%s", err)
		}
		return fmt.Errorf("hand over the leadership: %w", err)
	}
	return nil
}
