package agent

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent/identity"
	"holdfast/cluster/pause"
	"holdfast/cluster/rpc"
)

// ClusterID is the ID of the cluster that this member belongs to, "" while it does not know it.
func (a *Agent) ClusterID() string { return a.belongs.Known() }

// openBelonging finds out what the data directory, and the state that was restored from it, know of the cluster.
func (a *Agent) openBelonging() error {
	has, err := a.peer.HasState()
	if err != nil {
		return err
	}
	if has {
		a.belongs.Begin()
	}
	if err := a.learn(a.store.View().ClusterID()); err != nil {
		return err
	}
	return a.pool.SetTags(a.tags())
}

// belongLoop learns the cluster ID, and keeps what this member announces in step with it.
func (a *Agent) belongLoop(ctx context.Context) {
	announced := ""
	for ctx.Err() == nil {
		view := a.store.WatchView()
		if err := a.learn(cmp.Or(view.ClusterID(), a.belongs.Hearsay())); err != nil {
			a.log.Error("cannot keep the cluster ID, will try again", "error", err)
			pause.For(ctx, time.Second)
			continue
		}
		if tag := a.belongs.Tag(); tag != announced {
			if err := a.announce(); err != nil {
				a.log.Debug("the cluster ID is not announced", "error", err) // this member is leaving
			}
			announced = tag
		}
		a.awaitBelonging(ctx, func(ctx context.Context) { _ = view.Wait(ctx) })
	}
}

// awaitBelonging waits until there is news, or wait returns.
func (a *Agent) awaitBelonging(ctx context.Context, wait func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-a.belongs.News():
			cancel()
		case <-ctx.Done():
		}
	}()
	wait(ctx)
}

// learn takes the cluster ID in, "" for none, and keeps it in the data directory before it counts.
func (a *Agent) learn(id string) error {
	switch known := a.belongs.Known(); {
	case id == "" || id == known:
		return nil
	case known != "":
		if a.misled.CompareAndSwap(false, true) {
			a.log.Error("the replicated state is that of another cluster; this member stays with its own", "its_cluster", id, "cluster", known)
		}
		return nil
	}
	if err := identity.KeepCluster(a.cfg.DataDir, id); err != nil {
		return err
	}
	a.belongs.Settle(id)
	a.log.Info("this member belongs to a cluster", "cluster", id)
	return nil
}

// seated reports whether a node ID has a seat in the peer set as this member knows it.
func (a *Agent) seated(id string) bool {
	peers, err := a.Peers()
	if err != nil || id == "" {
		return false
	}
	for _, p := range peers {
		if p.ID == id {
			return true
		}
	}
	return false
}

// hello is what this member says on a connection to addr: which cluster it belongs to, and whom it means. To a member of an older version it
// says nothing, nor to one that it knows nothing of while it has no cluster.
func (a *Agent) hello(addr string) (rpc.Hello, bool) {
	h := rpc.Hello{Cluster: a.belongs.Side()}
	at := map[string]string{} // by node ID
	met, speaks := false, false
	for id, m := range cluster.MembersByID(a.pool.Members()) {
		if m.Status != cluster.StatusLeft {
			at[id] = m.RPCAddr()
		}
		if m.RPCAddr() == addr && m.Status == cluster.StatusAlive {
			h.Node, met, speaks = id, true, m.Tags[cluster.TagCluster] != ""
		}
	}
	if peers, err := a.Peers(); err == nil {
		for _, p := range peers { // before gossip: a seat is what Raft and quorum mean
			if cmp.Or(at[p.ID], p.Addr) == addr {
				h.Node = p.ID
			}
		}
	}
	if id := a.wan.At(addr); !met && h.Node == "" && id != "" { // of another datacenter, and so of another cluster: only the node is meant
		return rpc.Hello{Node: id}, true
	}
	return h, speaks || !met && h.Cluster != ""
}

// admit refuses a connection of a member that means another node or belongs to another cluster.
func (a *Agent) admit(h rpc.Hello) error {
	if h.Node != "" && h.Node != a.id {
		return cluster.Errorf(cluster.Conflict, "the node %s was meant, and this is the node %s (%s): the address has another owner", h.Node, a.id, a.cfg.Name)
	}
	if ours := a.belongs.Side(); h.Cluster != "" && ours != "" && h.Cluster != ours {
		return cluster.Errorf(cluster.Conflict, "a member of the cluster %s calls %s, which belongs to the cluster %s: remove this address from the other cluster (force-leave)",
			h.Cluster, a.cfg.Name, ours)
	}
	return nil
}

// admitRaft refuses raft connections of members that say nothing, which are of an older version, unless they come from where a member
// with a seat is: a cluster of that version, joined by hand, would take a member for its own, and its log from it.
func (a *Agent) admitRaft(from net.Addr) error {
	ours, at := a.belongs.Known(), addrOf(from.String())
	peers, err := a.Peers()
	if err != nil || ours == "" || !at.IsValid() {
		return nil // nothing is known that could be lost, or told apart
	}
	for _, m := range a.pool.Members() {
		if m.Addr.Addr().Unmap() == at && a.seated(m.Tags[cluster.TagID]) {
			return nil
		}
	}
	for _, p := range peers {
		if addrOf(p.Addr) == at {
			return nil
		}
	}
	return cluster.Errorf(cluster.Conflict, "an agent of an older version at %s calls for raft, and has no seat in the cluster %s", at, ours)
}

// addrOf is the IP address in "ip:port", the invalid one where there is none.
func addrOf(hostPort string) netip.Addr {
	a, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}
