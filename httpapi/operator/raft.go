package operator

import (
	"context"
	"net/http"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Raft is the peer set.
type Raft interface {
	Peers() ([]cluster.Peer, error)
	PeersIndex() uint64 // of the log entry that made the peer set
	Leader() string     // the leader's RPC address, "" for none
	// ServerStats is what the voters say of themselves, by ID; who does not answer is left out.
	ServerStats(ctx context.Context) (map[string]cluster.ServerStats, error)
	// RemovePeer takes a member out of the peer set.
	RemovePeer(ctx context.Context, opts cluster.WriteOptions, id string) error
	// TransferLeadership hands the leadership to the server id, or where that is "" to the one that is furthest.
	TransferLeadership(ctx context.Context, opts cluster.WriteOptions, id string) error
}

// Pool is the members as gossip sees them.
type Pool interface{ Members() []cluster.Member }

// raftHandler answers /v1/operator/raft/.
type raftHandler struct {
	raft   Raft
	pool   Pool
	reader exchange.Reader
}

func (h *raftHandler) routes() exchange.Routes {
	return exchange.Routes{
		"/v1/operator/raft/configuration":   {http.MethodGet: h.configuration},
		"/v1/operator/raft/peer":            {http.MethodDelete: h.remove},
		"/v1/operator/raft/transfer-leader": {http.MethodPost: h.transfer, http.MethodPut: h.transfer},
	}
}

// raftServerJSON is one server of the peer set.
type raftServerJSON struct {
	ID              string
	Node            string
	Address         string
	Leader          bool
	ProtocolVersion string
	Voter           bool
	LastIndex       uint64
}

type raftConfigurationJSON struct {
	Servers []raftServerJSON
	Index   uint64
}

const (
	unknownNode  = "(unknown)"
	raftProtocol = "3" // what Consul calls the version that Holdfast's raft speaks
)

// configuration answers the servers of the peer set. Other agents have a seat there too, because they hold the state; they are no servers, and
// whoever reads this counts servers.
func (h *raftHandler) configuration(r *exchange.Request) (*exchange.Reply, error) {
	if _, err := h.reader.Query(r.Context(), unblocked(r), nothing); err != nil {
		return nil, err
	}
	peers, err := h.raft.Peers()
	if err != nil {
		return nil, err
	}
	stats, err := h.raft.ServerStats(r.Context())
	if err != nil {
		return nil, err
	}
	members := membersByID(h.pool)
	conf := raftConfigurationJSON{Servers: []raftServerJSON{}, Index: h.raft.PeersIndex()}
	for _, p := range peers {
		m, known := members[p.ID]
		if known && !p.Voter && !m.IsServer() {
			continue
		}
		s := raftServerJSON{
			ID: p.ID, Node: unknownNode, Address: p.Addr, Leader: p.Addr == h.raft.Leader(), ProtocolVersion: raftProtocol, Voter: p.Voter, LastIndex: stats[p.ID].LastIndex,
		}
		if known {
			s.Node = m.Name
		}
		conf.Servers = append(conf.Servers, s)
	}
	return exchange.Answer(conf)
}

// membersByID are the members by their node IDs. Who was renamed is in the pool twice: the living one counts.
func membersByID(pool Pool) map[string]cluster.Member {
	members := map[string]cluster.Member{}
	for _, m := range pool.Members() {
		if id := m.Tags[cluster.TagID]; id != "" && members[id].Status != cluster.StatusAlive {
			members[id] = m
		}
	}
	return members
}

// remove takes the server with an ID or at an address out of the peer set.
func (h *raftHandler) remove(r *exchange.Request) (*exchange.Reply, error) {
	id, addr := r.Query.Get("id"), r.Query.Get("address")
	switch {
	case id == "" && addr == "":
		return nil, cluster.Errorf(cluster.Invalid, "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove")
	case id != "" && addr != "":
		return nil, cluster.Errorf(cluster.Invalid, "Must specify only one of ?id or ?address")
	}
	peers, err := h.raft.Peers()
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		if p.ID == id || p.Addr == addr {
			if err := h.raft.RemovePeer(r.Context(), r.WriteOptions(), p.ID); err != nil {
				return nil, err
			}
			return &exchange.Reply{}, nil
		}
	}
	if id != "" {
		return nil, exchange.AsServerError(cluster.Errorf(cluster.Invalid, "id %q was not found in the Raft configuration", id))
	}
	return nil, exchange.AsServerError(cluster.Errorf(cluster.Invalid, "address %q was not found in the Raft configuration", addr))
}

func (h *raftHandler) transfer(r *exchange.Request) (*exchange.Reply, error) {
	if err := h.raft.TransferLeadership(r.Context(), r.WriteOptions(), r.Query.Get("id")); err != nil {
		return nil, exchange.Failed(err)
	}
	return exchange.Answer(struct{ Success bool }{true})
}
