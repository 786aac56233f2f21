// Package proxy answers /v1/failover/proxy, which is Holdfast's own: the proxies of this agent, whom they pass to, and why. Its JSON types are
// exported, for the verbs of the command line read the same answers.
package proxy

import (
	"net/http"
	"slices"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Proxies are the proxies of this agent, by name.
type Proxies interface {
	Proxies() []cluster.ProxyStatus
}

// Routes are the endpoints of /v1/failover/proxy.
func Routes(p Proxies) exchange.Routes {
	return exchange.Routes{
		"/v1/failover/proxy": {http.MethodGet: func(*exchange.Request) (*exchange.Reply, error) {
			return exchange.Answer(exchange.Each(p.Proxies(), fromStatus))
		}},
		"/v1/failover/proxy/{name}": {http.MethodGet: func(r *exchange.Request) (*exchange.Reply, error) {
			name, all := r.PathValue("name"), p.Proxies()
			i := slices.IndexFunc(all, func(s cluster.ProxyStatus) bool { return s.Name == name })
			if i < 0 {
				return nil, cluster.Errorf(cluster.NotFound, "this agent has no proxy %q: \"holdfast proxy list\" names them", name)
			}
			return exchange.Answer(fromStatus(all[i]))
		}},
	}
}

// Status is a proxy of this agent. Counts are since it was started.
type Status struct {
	Name        string
	Listen      []string
	Mode        string
	Balance     string
	Why         string
	Connections int
	Held        int
	Accepted    uint64
	TurnedAway  uint64
	Backends    []Backend
}

// Backend is one place that a proxy passes connections to.
type Backend struct {
	Route     string
	ID        string
	Address   string
	Epoch     uint64
	Weight    int
	State     string
	Active    int
	Opened    uint64
	Failed    uint64
	Cut       uint64
	Sent      uint64
	Received  uint64
	LastError string
}

func fromStatus(s cluster.ProxyStatus) Status {
	return Status{
		Name: s.Name, Listen: exchange.OrEmpty(s.Listen), Mode: s.Mode, Balance: s.Balance, Why: s.Why, Connections: s.Connections, Held: s.Held,
		Accepted: s.Accepted, TurnedAway: s.TurnedAway, Backends: exchange.Each(s.Backends, func(b cluster.ProxyBackend) Backend { return Backend(b) }),
	}
}
