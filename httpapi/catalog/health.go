package catalog

import (
	"net/http"
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// healthHandler answers /v1/health/.
type healthHandler struct {
	reader exchange.Reader
	self   string // the node of this agent
}

func (h *healthHandler) routes() exchange.Routes {
	return exchange.Routes{
		"/v1/health/service/{service...}": {http.MethodGet: h.service},
		"/v1/health/node/{node...}":       {http.MethodGet: h.node},
		"/v1/health/checks/{service...}":  {http.MethodGet: h.checks},
		"/v1/health/state/{state...}":     {http.MethodGet: h.state},
	}
}

// service is the instances of a service with their nodes and checks; with passing, those alone whose checks all pass.
func (h *healthHandler) service(r *exchange.Request) (*exchange.Reply, error) {
	name, err := r.Required("service", "service name")
	if err != nil {
		return nil, err
	}
	passing, err := r.Flag("passing")
	if err != nil {
		return nil, err
	}
	if !chooses(r) {
		return h.whole(r, name, passing)
	}
	var all []state.Instance
	meta, err := h.reader.Query(r.Context(), r.CachedOptions(), func(v *state.View) error {
		all = nearest(r, v, h.self, v.ServiceInstances(name), instanceNode)
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, err := exchange.Filter(r, healthRows(selectInstances(r, all), passing))
	return exchange.FoundCached(rows, meta, err)
}

// keptAnswer is the key of an answer that is kept with its service.
type keptAnswer struct{ passing bool }

// whole is the answer of service to those who choose nothing. It is encoded once, for all who ask until an instance, its node or one of its
// checks changes.
func (h *healthHandler) whole(r *exchange.Request, name string, passing bool) (*exchange.Reply, error) {
	var body any
	meta, err := h.reader.Query(r.Context(), r.CachedOptions(), func(v *state.View) error {
		body = v.FromInstances(name, keptAnswer{passing}, func(all []state.Instance) (any, bool) {
			return exchange.Encode(healthRows(all, passing)), true
		})
		return nil
	})
	return exchange.FoundCached(body, meta, err)
}

func healthRows(all []state.Instance, passing bool) []wire.Instance {
	if passing {
		all = onlyPassing(all)
	}
	return exchange.Each(all, wire.FromInstance)
}

func onlyPassing(all []state.Instance) []state.Instance {
	var out []state.Instance
	for _, i := range all {
		if cluster.Worst(i.Checks) == cluster.Passing {
			out = append(out, i)
		}
	}
	return out
}

func (h *healthHandler) node(r *exchange.Request) (*exchange.Reply, error) {
	name, err := r.Required("node", "node name")
	if err != nil {
		return nil, err
	}
	return h.list(r, func(v *state.View) []*cluster.Check {
		if len(name) == uuidLength && v.Node(name) == nil { // to ask for the node is to depend on its instances, too
			if n := v.NodeByID(name); n != nil {
				return v.NodeChecks(n.Name)
			}
		}
		return v.NodeChecks(name)
	})
}

func (h *healthHandler) checks(r *exchange.Request) (*exchange.Reply, error) {
	name, err := r.Required("service", "service name")
	if err != nil {
		return nil, err
	}
	return h.list(r, func(v *state.View) []*cluster.Check { return v.ServiceChecks(name) })
}

// noStatus is what older clients call the state of a check that has none. Here every check has one.
const noStatus cluster.Status = "unknown"

func (h *healthHandler) state(r *exchange.Request) (*exchange.Reply, error) {
	s, err := r.Required("state", "check state")
	if err != nil {
		return nil, err
	}
	status := cluster.Status(s)
	if status != state.AnyStatus && status != noStatus && !status.Valid() {
		return nil, cluster.Errorf(cluster.Invalid, "there is no check state %q: want any, passing, warning or critical", s)
	}
	return h.list(r, func(v *state.View) []*cluster.Check { return v.ChecksInState(status) })
}

// list answers checks, those of the nodes that node-meta selects.
func (h *healthHandler) list(r *exchange.Request, read func(*state.View) []*cluster.Check) (*exchange.Reply, error) {
	var checks []*cluster.Check
	want := nodeMeta(r)
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		checks = nearest(r, v, h.self, read(v), nodeOfCheck)
		if len(want) > 0 {
			checks = slices.DeleteFunc(checks, func(c *cluster.Check) bool { return !hasMeta(v.Node(c.Node), want) })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, err := exchange.Filter(r, exchange.Each(checks, wire.FromCheck))
	return exchange.FoundConsistently(rows, meta, err)
}
