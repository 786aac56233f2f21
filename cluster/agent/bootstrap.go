package agent

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent/identity"
	"holdfast/cluster/consensus"
	"holdfast/cluster/rpc"
)

// bootstrapLoop makes the first Raft configuration once as many servers as bootstrap_expect says have found each other and none of
// them belongs to a cluster already. Every one of them makes the same configuration, so it does not matter who is first. A member
// that finds a cluster waits for its leader to admit it.
func (a *Agent) bootstrapLoop(ctx context.Context) {
	if !a.cfg.Server || a.cfg.BootstrapExpect < 1 {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	a.awaitAnswers(ctx)
	for ctx.Err() == nil {
		done, err := a.bootstrap(ctx)
		if err != nil {
			a.log.Warn("cannot bootstrap yet", "error", err)
		}
		if done {
			return
		}
		select {
		case <-a.news:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// awaitAnswers lets a server that would make a cluster alone first hear whether those that it names to join belong to one.
func (a *Agent) awaitAnswers(ctx context.Context) {
	if a.cfg.BootstrapExpect != 1 {
		return
	}
	late := time.NewTimer(probeTimeout)
	defer late.Stop()
	select {
	case <-a.asked:
	case <-late.C:
	case <-ctx.Done():
	}
}

// bootstrap tries once. It reports whether nothing is left to do.
func (a *Agent) bootstrap(ctx context.Context) (bool, error) {
	if has, err := a.peer.HasState(); err != nil || has {
		return has, err
	}
	if m, found := a.inCluster(); found {
		a.waitForAdmission(m)
		return true, nil
	}
	servers := a.expecting()
	if len(servers) < a.cfg.BootstrapExpect {
		return false, nil
	}
	servers = servers[:a.cfg.BootstrapExpect]
	var peers []consensus.Server
	for _, m := range servers {
		if m.Name == a.cfg.Name {
			peers = append(peers, consensus.Server{ID: a.id, Addr: m.RPCAddr(), Voter: true})
			continue
		}
		has, err := a.hasPeers(ctx, m)
		if err != nil {
			return false, err
		}
		if has {
			a.waitForAdmission(m)
			return true, nil
		}
		peers = append(peers, consensus.Server{ID: m.Tags[cluster.TagID], Addr: m.RPCAddr(), Voter: true})
	}
	if !slices.ContainsFunc(peers, func(p consensus.Server) bool { return p.ID == a.id }) {
		return true, nil // more servers than expected: the first by name make the cluster and admit this one
	}
	a.log.Info("bootstrapping", "servers", len(peers))
	if err := a.peer.Bootstrap(peers); err != nil {
		return true, err
	}
	a.belongs.Begin()
	return true, nil
}

// waitForAdmission says that this server makes no cluster, because a member that it has met belongs to one.
func (a *Agent) waitForAdmission(m cluster.Member) {
	text, level := "waiting to be admitted: the cluster has been bootstrapped", slog.LevelInfo
	if a.cfg.BootstrapExpect == 1 {
		text, level = "bootstrap_expect = 1 is not followed, and should be removed: waiting to be admitted to the cluster of the members to join", slog.LevelWarn
	}
	a.log.Log(context.Background(), level, text, "by", m.Name, "cluster", cmp.Or(m.ClusterID(), cluster.UnnamedCluster)) //nolint:sloglint // each text is a constant above
}

// inCluster is a living member that belongs to a cluster, if one was met.
func (a *Agent) inCluster() (cluster.Member, bool) {
	for _, m := range a.pool.Members() {
		if m.Status == cluster.StatusAlive && m.Name != a.cfg.Name && (m.ClusterID() != "" || m.Tags[cluster.TagCluster] == cluster.UnnamedCluster) {
			return m, true
		}
	}
	return cluster.Member{}, false
}

// expecting are the living servers that wait for the same number of servers, this one included, in the order of their names.
func (a *Agent) expecting() []cluster.Member {
	var out []cluster.Member
	for _, m := range a.pool.Members() {
		if m.IsServer() && m.Status == cluster.StatusAlive && m.Tags[cluster.TagExpect] == strconv.Itoa(a.cfg.BootstrapExpect) {
			out = append(out, m)
		}
	}
	return out
}

// hasPeers asks another server whether it belongs to a cluster already.
func (a *Agent) hasPeers(ctx context.Context, m cluster.Member) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	b, err := a.client.Call(ctx, m.RPCAddr(), methodPeers, nil)
	if err != nil {
		return false, err
	}
	return len(b) == 1 && b[0] == 1, nil
}

// probeTimeout bounds the question to one address before a bootstrap.
const probeTimeout = 2 * time.Second

// refuseSecondBootstrap asks the addresses that this server is to join whether they belong to a cluster already, before it makes one of
// its own (bootstrap_expect = 1) beside it. It asks at its own RPC port, as members of one cluster have it, and changes nothing anywhere. Those
// with another port answer over gossip, once this member is open; then it waits to be admitted (inCluster).
func (a *Agent) refuseSecondBootstrap() error {
	addrs := slices.Concat(a.cfg.Join.Once, a.cfg.Join.Retry)
	if a.cfg.BootstrapExpect != 1 || len(addrs) == 0 || a.cfg.RPCPort == 0 || identity.Exists(a.cfg.DataDir) {
		return nil
	}
	var clients []*rpc.Client
	for _, way := range a.rules.Load().Strangers() {
		client := rpc.NewClient(rpc.Options{Secure: way})
		defer client.Close()
		clients = append(clients, client)
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	for _, addr := range addrs {
		host := addr
		if h, _, err := net.SplitHostPort(addr); err == nil {
			host = h
		}
		peer := net.JoinHostPort(host, strconv.Itoa(a.cfg.RPCPort))
		for _, client := range clients {
			if b, err := client.Call(ctx, peer, methodPeers, nil); err == nil && len(b) == 1 && b[0] == 1 {
				return cluster.Errorf(cluster.Conflict, "bootstrap_expect = 1 would make a second cluster: the server at %s belongs to one already; "+
					"remove bootstrap_expect (and bootstrap) here, and this server is admitted to it", peer)
			}
		}
	}
	return nil
}
