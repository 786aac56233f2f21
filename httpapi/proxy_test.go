package httpapi

import (
	"testing"

	"holdfast/cluster"
)

// proxies are two, one of them without a backend.
type proxies struct{}

func (proxies) Proxies() []cluster.ProxyStatus {
	return []cluster.ProxyStatus{{
		Name: "db", Listen: []string{"10.77.0.100:3306"}, Mode: "tcp", Balance: "least", Why: "n1 holds db in epoch 5", Connections: 3, Held: 1, Accepted: 7, TurnedAway: 1,
		Backends: []cluster.ProxyBackend{
			{ID: "n1", Address: "10.77.0.11:3306", Epoch: 5, Weight: 1, State: "up", Active: 2, Opened: 4, Failed: 1, Sent: 1000, Received: 2000, LastError: "connection refused"},
			{ID: "n2", Address: "10.77.0.12:3306", Epoch: 4, Weight: 1, State: "draining", Active: 0, Opened: 2, Cut: 2},
		},
	}, {Name: "web", Listen: []string{":80"}, Mode: "tcp", Balance: "source", Why: "no instance of web passes its checks"}}
}

func TestProxies(t *testing.T) {
	talks(t, newMember().handler(), []talk{
		{"GET /v1/failover/proxy/none", "", 404, `this agent has no proxy "none": "holdfast proxy list" names them`},
		{"PUT /v1/failover/proxy", "", 405, "…"},
	})
}
