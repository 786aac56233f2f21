package operator

import (
	"encoding/json"
	"maps"
	"net/http"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Deps are the parts of the agent that operators look at.
type Deps struct {
	Reader  exchange.Reader
	Writer  exchange.Writer
	Raft    Raft
	Pool    Pool
	Servers Servers
	Keys    Keys
}

// Routes are the endpoints of /v1/operator/.
func Routes(d Deps, datacenter string) exchange.Routes {
	rs := exchange.Routes{}
	for _, family := range []exchange.Routes{
		(&raftHandler{d.Raft, d.Pool, d.Reader}).routes(),
		(&autopilotHandler{d.Reader, d.Writer, d.Servers}).routes(),
		(&keyringHandler{d.Keys, datacenter}).routes(),
		(&usageHandler{d.Reader, datacenter}).routes(),
	} {
		maps.Copy(rs, family)
	}
	return rs
}

// unblocked is the options of a read that has nothing to wait for.
func unblocked(r *exchange.Request) cluster.QueryOptions {
	opts := r.Options
	opts.MinIndex = 0
	return opts
}

// nothing reads nothing: the query is made for its freshness and its headers.
func nothing(*state.View) error { return nil }

// usageHandler answers /v1/operator/usage.
type usageHandler struct {
	reader     exchange.Reader
	datacenter string
}

func (h *usageHandler) routes() exchange.Routes {
	refuse := func(r *exchange.Request) (*exchange.Reply, error) {
		return nil, cluster.Errorf(cluster.Unsupported, "%s is part of Consul Enterprise, which Holdfast leaves out: /v1/operator/usage says how much is used", r.URL.Path)
	}
	return exchange.Routes{
		"/v1/operator/usage":       {http.MethodGet: h.usage},
		"/v1/operator/utilization": {http.MethodGet: refuse},
	}
}

// usageJSON is how much a datacenter holds.
type usageJSON struct {
	Nodes                    int
	Services                 int
	ServiceInstances         int
	ConnectServiceInstances  map[string]int
	BillableServiceInstances int
}

// count counts an instance.
func (u *usageJSON) count(s *cluster.Service) {
	u.ServiceInstances++
	var connect struct{ Native bool }
	_ = json.Unmarshal(s.Connect, &connect) // what cannot be read is not native
	switch _, mesh := u.ConnectServiceInstances[s.Kind]; {
	case mesh:
		u.ConnectServiceInstances[s.Kind]++
	case connect.Native:
		u.ConnectServiceInstances["connect-native"]++
		u.BillableServiceInstances++
	case s.Name != consulService:
		u.BillableServiceInstances++
	}
}

// consulService is the service of the servers themselves.
const consulService = "consul"

type usagesJSON struct {
	Usage                 map[string]usageJSON
	Index                 uint64
	LastContact           int64
	KnownLeader           bool
	ConsistencyLevel      string
	NotModified           bool
	Backend               int
	ResultsFilteredByACLs bool
}

func (h *usageHandler) usage(r *exchange.Request) (*exchange.Reply, error) {
	var u usageJSON
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		u = usageJSON{Nodes: len(v.Nodes()), ConnectServiceInstances: map[string]int{
			"connect-native": 0, "connect-proxy": 0, "ingress-gateway": 0, "mesh-gateway": 0, "terminating-gateway": 0, "api-gateway": 0,
		}}
		for _, s := range v.Services() {
			u.Services++
			for _, i := range v.ServiceInstances(s.Name) {
				u.count(i.Service)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	level := "leader" // what the header of other reads calls default
	if meta.Consistency != cluster.Default {
		level = meta.Consistency.String()
	}
	return exchange.Found(usagesJSON{
		Usage: map[string]usageJSON{h.datacenter: u}, Index: meta.Index, LastContact: meta.LastContact.Milliseconds(), KnownLeader: meta.KnownLeader, ConsistencyLevel: level,
	}, meta, nil)
}
