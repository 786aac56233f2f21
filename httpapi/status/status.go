package status

import (
	"net/http"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Raft says who leads and who votes.
type Raft interface {
	Leader() string // the leader's RPC address, "" for none
	Peers() ([]cluster.Peer, error)
}

// statusHandler answers /v1/status/.
type statusHandler struct{ raft Raft }

// Routes are the endpoints of /v1/status/.
func Routes(raft Raft) exchange.Routes {
	h := &statusHandler{raft}
	return exchange.Routes{
		"/{$}":              {http.MethodGet: h.root},
		"/v1/status/leader": {http.MethodGet: h.leader},
		"/v1/status/peers":  {http.MethodGet: h.peers},
	}
}

// root answers whoever asks for the address alone, as probes of load balancers do.
func (h *statusHandler) root(*exchange.Request) (*exchange.Reply, error) {
	return &exchange.Reply{Raw: []byte("Consul's HTTP API, spoken by Holdfast: see /v1"), ContentType: "text/plain; charset=utf-8"}, nil
}

func (h *statusHandler) leader(*exchange.Request) (*exchange.Reply, error) {
	return exchange.Answer(h.raft.Leader())
}

// peers is the RPC addresses of the voters.
func (h *statusHandler) peers(*exchange.Request) (*exchange.Reply, error) {
	peers, err := h.raft.Peers()
	if err != nil {
		return nil, err
	}
	return exchange.Answer(voterAddrs(peers))
}

func voterAddrs(peers []cluster.Peer) []string {
	addrs := []string{}
	for _, p := range peers {
		if p.Voter {
			addrs = append(addrs, p.Addr)
		}
	}
	return addrs
}
