package httpapi

import (
	"net/http"
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// healthHandler answers /v1/health/.
type healthHandler struct{ reader Reader }

func (h *healthHandler) routes() routes {
	return routes{
		"/v1/health/service/{service...}": {http.MethodGet: h.service},
		"/v1/health/node/{node...}":       {http.MethodGet: h.node},
		"/v1/health/checks/{service...}":  {http.MethodGet: h.checks},
		"/v1/health/state/{state...}":     {http.MethodGet: h.state},
	}
}

// service is the instances of a service with their nodes and checks; with passing, those alone whose checks all pass.
func (h *healthHandler) service(r *request) (*reply, error) {
	name, err := r.required("service", "service name")
	if err != nil {
		return nil, err
	}
	passing, err := r.flag("passing")
	if err != nil {
		return nil, err
	}
	var all []state.Instance
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error { all = v.ServiceInstances(name); return nil })
	if err != nil {
		return nil, err
	}
	all = selectInstances(r, all)
	if passing {
		all = onlyPassing(all)
	}
	rows, err := filter(r, each(all, toInstance))
	return foundConsistently(rows, meta, err)
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

func (h *healthHandler) node(r *request) (*reply, error) {
	name, err := r.required("node", "node name")
	if err != nil {
		return nil, err
	}
	return h.list(r, func(v *state.View) []*cluster.Check {
		if n := v.Node(name); n == nil && len(name) == uuidLength {
			if n = v.NodeByID(name); n != nil {
				return v.NodeChecks(n.Name)
			}
		}
		return v.NodeChecks(name)
	})
}

func (h *healthHandler) checks(r *request) (*reply, error) {
	name, err := r.required("service", "service name")
	if err != nil {
		return nil, err
	}
	return h.list(r, func(v *state.View) []*cluster.Check { return v.ServiceChecks(name) })
}

func (h *healthHandler) state(r *request) (*reply, error) {
	s, err := r.required("state", "check state")
	if err != nil {
		return nil, err
	}
	status := cluster.Status(s)
	if status != state.AnyStatus && !status.Valid() {
		return nil, cluster.Errorf(cluster.Invalid, "there is no check state %q: want any, passing, warning or critical", s)
	}
	return h.list(r, func(v *state.View) []*cluster.Check { return v.ChecksInState(status) })
}

// list answers checks, those of the nodes that node-meta selects.
func (h *healthHandler) list(r *request, read func(*state.View) []*cluster.Check) (*reply, error) {
	var checks []*cluster.Check
	want := nodeMeta(r)
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error {
		checks = read(v)
		if len(want) > 0 {
			checks = slices.DeleteFunc(checks, func(c *cluster.Check) bool { return !hasMeta(v.Node(c.Node), want) })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, err := filter(r, each(checks, toCheck))
	return foundConsistently(rows, meta, err)
}
