package httpapi

import (
	"cmp"
	"net/http"
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// catalogHandler answers /v1/catalog/.
type catalogHandler struct {
	reader     Reader
	writer     Writer
	datacenter string
}

func (h *catalogHandler) routes() routes {
	return routes{
		"/v1/catalog/datacenters":             {http.MethodGet: h.datacenters},
		"/v1/catalog/nodes":                   {http.MethodGet: h.nodes},
		"/v1/catalog/node/{node...}":          {http.MethodGet: h.node},
		"/v1/catalog/node-services/{node...}": {http.MethodGet: h.nodeServices},
		"/v1/catalog/services":                {http.MethodGet: h.services},
		"/v1/catalog/service/{service...}":    {http.MethodGet: h.service},
		"/v1/catalog/register":                {http.MethodPut: h.register},
		"/v1/catalog/deregister":              {http.MethodPut: h.deregister},
	}
}

func (h *catalogHandler) datacenters(*request) (*reply, error) { return answer([]string{h.datacenter}) }

func (h *catalogHandler) nodes(r *request) (*reply, error) {
	var nodes []*cluster.Node
	want := nodeMeta(r)
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error { nodes = v.Nodes(); return nil })
	if err != nil {
		return nil, err
	}
	nodes = slices.DeleteFunc(nodes, func(n *cluster.Node) bool { return !hasMeta(n, want) })
	rows, err := filter(r, each(nodes, toNode))
	return foundConsistently(rows, meta, err)
}

// services is the tags of each service by its name.
func (h *catalogHandler) services(r *request) (*reply, error) {
	if len(nodeMeta(r)) > 0 || r.query.Get("filter") != "" {
		return h.servicesOfSome(r)
	}
	var all []state.ServiceSummary
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error { all = v.Services(); return nil })
	out := make(map[string][]string, len(all))
	for _, s := range all {
		out[s.Name] = orEmpty(s.Tags)
	}
	return foundConsistently(out, meta, err)
}

// servicesOfSome is services for the instances alone that node-meta and filter select.
func (h *catalogHandler) servicesOfSome(r *request) (*reply, error) {
	var all []state.Instance
	want := nodeMeta(r)
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error {
		all = nil
		for _, n := range v.Nodes() {
			for _, s := range v.NodeServices(n.Name) {
				if hasMeta(n, want) {
					all = append(all, state.Instance{Node: n, Service: s})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, err := filter(r, each(all, toServiceNode))
	out := map[string][]string{}
	for _, row := range rows {
		tags := append(orEmpty(out[row.ServiceName]), row.ServiceTags...)
		slices.Sort(tags)
		out[row.ServiceName] = slices.Compact(tags)
	}
	return foundConsistently(out, meta, err)
}

func (h *catalogHandler) service(r *request) (*reply, error) {
	name, err := r.required("service", "service name")
	if err != nil {
		return nil, err
	}
	var all []state.Instance
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error { all = v.ServiceInstances(name); return nil })
	if err != nil {
		return nil, err
	}
	rows, err := filter(r, each(selectInstances(r, all), toServiceNode))
	return foundConsistently(rows, meta, err)
}

// onNode reads a node, by its name or else its ID, with its instances. The node is nil where there is none.
func (h *catalogHandler) onNode(r *request) (n *cluster.Node, services []*cluster.Service, meta cluster.QueryMeta, err error) {
	name, err := r.required("node", "node name")
	if err != nil {
		return nil, nil, meta, err
	}
	meta, err = h.reader.Query(r.Context(), r.opts, func(v *state.View) error {
		if n = v.Node(name); n == nil && len(name) == uuidLength {
			n = v.NodeByID(name)
		}
		services = nil
		if n != nil {
			services = v.NodeServices(n.Name)
		}
		return nil
	})
	return n, services, meta, err
}

const uuidLength = 36

func (h *catalogHandler) node(r *request) (*reply, error) {
	n, services, meta, err := h.onNode(r)
	if err != nil || n == nil {
		return foundConsistently((*nodeServicesJSON)(nil), meta, err)
	}
	rows, err := filter(r, each(services, toService))
	out := &nodeServicesJSON{Node: toNode(n), Services: make(map[string]serviceJSON, len(rows))}
	for _, s := range rows {
		out.Services[s.ID] = s
	}
	return foundConsistently(out, meta, err)
}

func (h *catalogHandler) nodeServices(r *request) (*reply, error) {
	n, services, meta, err := h.onNode(r)
	if err != nil || n == nil {
		return foundConsistently((*nodeServiceListJSON)(nil), meta, err)
	}
	rows, err := filter(r, each(services, toService))
	return foundConsistently(&nodeServiceListJSON{Node: toNode(n), Services: rows}, meta, err)
}

func (h *catalogHandler) register(r *request) (*reply, error) {
	var body registrationJSON
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := inDatacenter(body.Datacenter, h.datacenter); err != nil {
		return nil, err
	}
	_, err := h.writer.Apply(r.Context(), cmp.Or(r.write(), body.token()), body.command(h.datacenter))
	return done(err)
}

func (h *catalogHandler) deregister(r *request) (*reply, error) {
	var body deregistrationJSON
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := inDatacenter(body.Datacenter, h.datacenter); err != nil {
		return nil, err
	}
	cmd := &cluster.Deregister{Node: body.Node, ServiceID: body.ServiceID, CheckID: body.CheckID}
	_, err := h.writer.Apply(r.Context(), cmp.Or(r.write(), body.token()), cmd)
	return done(err)
}
