package agent

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/consensus"
	"holdfast/cluster/gossip"
	"holdfast/cluster/pause"
	"holdfast/cluster/quorum"
	"holdfast/cluster/rpc"
)

func (a *Agent) openRPC() error {
	opts := rpc.Options{Logger: a.log.With("component", "rpc"), Hello: a.hello, Admit: a.admit, AdmitRaft: a.admitRaft, Secure: a.port}
	server, err := rpc.Listen(a.cfg.rpcBind(), opts)
	if err != nil {
		return cluster.Errorf(cluster.Invalid, "cannot listen on the server port %s (bind_addr and ports.server): %v", a.cfg.rpcBind(), err)
	}
	a.server, a.client = server, rpc.NewClient(opts)
	return nil
}

// rpcAddr is where the others reach this member's RPC port.
func (a *Agent) rpcAddr() string {
	_, port, err := net.SplitHostPort(a.server.Addr().String())
	if err != nil {
		port = strconv.Itoa(a.cfg.RPCPort)
	}
	return net.JoinHostPort(a.cfg.Advertise.String(), port)
}

func (a *Agent) newConsensus() error {
	cfg := consensus.DefaultConfig()
	cfg.ID, cfg.Name, cfg.Addr, cfg.DataDir, cfg.Multiplier = a.id, a.cfg.Name, a.rpcAddr(), a.cfg.DataDir, a.cfg.RaftMultiplier
	cfg.Backend, cfg.Lookup = a.cfg.RaftBackend, a.lookup
	cfg.Tune(a.cfg.Snapshots)
	heartbeat := cfg.HeartbeatTimeout * time.Duration(max(1, cfg.Multiplier))
	ledger, err := quorum.OpenLedger(filepath.Join(a.cfg.DataDir, promisesFile), quorum.Promise{Span: a.cfg.LeaseEnd, Heartbeat: heartbeat})
	if err != nil {
		return err
	}
	cfg.Promised = ledger.Earlier().Heartbeat
	a.peer = consensus.New(cfg, a.store, a.server.RaftLayer(), a.log.With("component", "raft"))
	a.voter = quorum.NewVoter(a.id, a.peer, ledger)
	a.asker = quorum.NewAsker(a.id, a.voter, electorate{a}, heartbeat, a.cfg.LeaseEnd)
	return nil
}

// promisesFile is where a member keeps for how long its words may hold, in the data directory.
const promisesFile = "promises.json"

// settleLoop ends with what earlier processes of this member promised.
func (a *Agent) settleLoop(ctx context.Context) {
	for ctx.Err() == nil {
		left, err := a.voter.Settle()
		switch {
		case err != nil:
			a.log.Warn("what an earlier process of this member promised is over, and cannot be forgotten: the next start waits for it again", "error", err)
			return
		case left == 0:
			return
		}
		pause.For(ctx, left)
	}
}

// lookup is where the members' RPC ports are by the word of gossip, by ID.
func (a *Agent) lookup() map[string]string {
	at := map[string]string{}
	for id, m := range cluster.MembersByID(a.pool.Members()) {
		if m.Status != cluster.StatusLeft {
			at[id] = m.RPCAddr()
		}
	}
	return at
}

// electorate is the voters as quorum asks them.
type electorate struct{ a *Agent }

func (e electorate) Voters() (ids []string, peers uint64, err error) {
	servers, index, err := e.a.peer.Servers()
	if err != nil {
		return nil, 0, err
	}
	for _, s := range servers {
		if s.Voter {
			ids = append(ids, s.ID)
		}
	}
	return ids, index, nil
}

func (e electorate) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	addr, err := e.a.peer.Address(id)
	if err != nil {
		return nil, err
	}
	return e.a.client.Call(ctx, addr, methodQuorum, req)
}

// newGossip makes the pool, which is opened last: whom gossip brings must find the rest at work.
func (a *Agent) newGossip() *gossip.Pool {
	cfg := gossip.DefaultConfig()
	cfg.Name, cfg.Tags, cfg.OnEvent, cfg.Accept = a.cfg.Name, a.tags(), a.onGossip, a.accept
	cfg.Bind = netip.AddrPortFrom(a.cfg.Bind, uint16(a.cfg.SerfPort)) //nolint:gosec // the config is checked
	cfg.Advertise = netip.AddrPortFrom(a.cfg.Advertise, 0)
	cfg.Passive = a.cfg.Join.Nobody()
	if a.cfg.GossipKey != nil {
		cfg.Keys = [][]byte{a.cfg.GossipKey}
	}
	cfg.KeyringFile = filepath.Join(a.cfg.DataDir, "serf", "local.keyring")
	if a.cfg.ReconnectTimeout > 0 {
		cfg.ReconnectTimeout = a.cfg.ReconnectTimeout
	}
	return gossip.New(cfg, a.log.With("component", "gossip"))
}

// gossipPortFree finds out whether gossip will get its ports, before anything is written: gossip itself is opened last.
func (a *Agent) gossipPortFree() error {
	addr := net.JoinHostPort(a.cfg.Bind.String(), strconv.Itoa(a.cfg.SerfPort))
	if err := gossip.PortFree(addr); err != nil {
		return cluster.Errorf(cluster.Conflict, "cannot listen on the gossip port %s (bind_addr and ports.serf_lan): %v; free the port, or set another", addr, err)
	}
	if a.cfg.WAN == nil {
		return nil
	}
	if err := gossip.PortFree(a.cfg.WAN.Bind.String()); err != nil {
		return cluster.Errorf(cluster.Conflict, "cannot listen on the port between datacenters %s (serf_wan and ports.serf_wan): %v; free the port, or set another", a.cfg.WAN.Bind, err)
	}
	return nil
}

// tags is what this member says of itself.
func (a *Agent) tags() map[string]string {
	_, port, _ := net.SplitHostPort(a.rpcAddr()) // made by JoinHostPort
	t := map[string]string{
		cluster.TagRole: "node", cluster.TagDatacenter: a.cfg.Datacenter, cluster.TagID: a.id, cluster.TagPort: port, cluster.TagBuild: a.cfg.Build,
		cluster.TagVersion: "2", "vsn_min": "2", "vsn_max": "3", "raft_vsn": "3", cluster.TagHoldfast: a.cfg.Version, cluster.TagCluster: a.belongs.Tag(),
		cluster.TagCommands: string(codec.OwnVocabulary()),
	}
	if a.rules.Load().Server != nil {
		t[cluster.TagTLS] = "1"
	}
	if a.cfg.Server {
		t[cluster.TagRole] = "consul"
		if a.cfg.BootstrapExpect > 0 {
			t[cluster.TagExpect] = strconv.Itoa(a.cfg.BootstrapExpect)
		}
	}
	a.wan.Mark(t)
	return t
}

// accept refuses members of another datacenter, which have a cluster of their own, and of another cluster.
func (a *Agent) accept(m cluster.Member) error {
	if dc := m.Tags[cluster.TagDatacenter]; dc != a.cfg.Datacenter {
		return cluster.Errorf(cluster.Invalid, "member %s is of datacenter %q, this one is of %q: they cannot be one cluster", m.Name, dc, a.cfg.Datacenter)
	}
	return a.belongs.Judge(m, func() bool { return a.seated(m.Tags[cluster.TagID]) })
}

// onGossip passes on the pool's news.
func (a *Agent) onGossip(e gossip.Event) {
	if e.Type == gossip.EventUser {
		a.onEvent(e)
		return
	}
	a.changes.Add(1)
	a.log.Log(context.Background(), gossipLevel(e.Type), "gossip", "event", e.Type.String(), "member", e.Member.Name, "address", e.Member.Addr.String())
	select {
	case a.news <- struct{}{}:
	default:
	}
	a.wan.Wake()
	if l := a.leads.Load(); l != nil {
		reaped := ""
		if e.Type == gossip.EventReap {
			reaped = e.Member.Name
		}
		l.term.MembersChanged(reaped)
	}
}

func gossipLevel(t gossip.EventType) slog.Level {
	switch t {
	case gossip.EventFail, gossip.EventConflict:
		return slog.LevelWarn
	case gossip.EventUpdate:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
