package httpapi

import (
	"net/http"

	"holdfast/cluster"
)

// statusHandler answers /v1/status/.
type statusHandler struct{ raft Raft }

func (h *statusHandler) routes() routes {
	return routes{
		"/v1/status/leader": {http.MethodGet: h.leader},
		"/v1/status/peers":  {http.MethodGet: h.peers},
	}
}

func (h *statusHandler) leader(*request) (*reply, error) { return answer(h.raft.Leader()) }

// peers is the RPC addresses of the voters.
func (h *statusHandler) peers(*request) (*reply, error) {
	peers, err := h.raft.Peers()
	if err != nil {
		return nil, err
	}
	return answer(voterAddrs(peers))
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
