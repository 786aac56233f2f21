package catalog

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// Routes are the endpoints of /v1/catalog/ and /v1/health/. node is this agent's: what is near=_agent is near to it.
func Routes(reader exchange.Reader, writer exchange.Writer, others exchange.Elsewhere, datacenter, node string) exchange.Routes {
	all := (&catalogHandler{reader, writer, others, datacenter, node}).routes()
	maps.Copy(all, (&healthHandler{reader, node}).routes())
	return all
}

// catalogHandler answers /v1/catalog/.
type catalogHandler struct {
	reader     exchange.Reader
	writer     exchange.Writer
	others     exchange.Elsewhere // nil where there is no way to other datacenters
	datacenter string
	self       string // the node of this agent
}

func (h *catalogHandler) routes() exchange.Routes {
	return exchange.Routes{
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

func (h *catalogHandler) datacenters(r *exchange.Request) (*exchange.Reply, error) {
	if h.others != nil {
		return exchange.Answer(h.others.Datacenters(r.Context()))
	}
	return exchange.Answer([]string{h.datacenter})
}

func (h *catalogHandler) nodes(r *exchange.Request) (*exchange.Reply, error) {
	var nodes []*cluster.Node
	want := nodeMeta(r)
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		nodes = nearest(r, v, h.self, v.Nodes(), nodeName)
		return nil
	})
	if err != nil {
		return nil, err
	}
	nodes = slices.DeleteFunc(nodes, func(n *cluster.Node) bool { return !hasMeta(n, want) })
	rows, err := exchange.Filter(r, exchange.Each(nodes, wire.FromNode))
	return exchange.FoundConsistently(rows, meta, err)
}

// services is the tags of each service by its name.
func (h *catalogHandler) services(r *exchange.Request) (*exchange.Reply, error) {
	if len(nodeMeta(r)) > 0 || r.Query.Get("filter") != "" {
		return h.servicesOfSome(r)
	}
	var all []state.ServiceSummary
	meta, err := h.reader.Query(r.Context(), r.CachedOptions(), func(v *state.View) error { all = v.Services(); return nil })
	out := make(map[string][]string, len(all))
	for _, s := range all {
		if s.Spellings == nil {
			out[s.Name] = exchange.OrEmpty(s.Tags)
		}
		for name, tags := range s.Spellings { // Consul lists each, and answers all instances to any
			out[name] = exchange.OrEmpty(tags)
		}
	}
	return exchange.FoundCached(out, meta, err)
}

// servicesOfSome is services for the instances alone that node-meta and filter select.
func (h *catalogHandler) servicesOfSome(r *exchange.Request) (*exchange.Reply, error) {
	var all []state.Instance
	want := nodeMeta(r)
	meta, err := h.reader.Query(r.Context(), r.CachedOptions(), func(v *state.View) error {
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
	rows, err := exchange.Filter(r, exchange.Each(all, wire.FromInstanceFlat))
	out := map[string][]string{}
	for _, row := range rows {
		tags := append(exchange.OrEmpty(out[row.ServiceName]), row.ServiceTags...)
		slices.Sort(tags)
		out[row.ServiceName] = slices.Compact(tags)
	}
	return exchange.FoundCached(out, meta, err)
}

func (h *catalogHandler) service(r *exchange.Request) (*exchange.Reply, error) {
	name, err := r.Required("service", "service name")
	if err != nil {
		return nil, err
	}
	var all []state.Instance
	meta, err := h.reader.Query(r.Context(), r.CachedOptions(), func(v *state.View) error {
		all = nearest(r, v, h.self, v.ServiceInstances(name), instanceNode)
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, err := exchange.Filter(r, exchange.Each(selectInstances(r, all), wire.FromInstanceFlat))
	return exchange.FoundCached(rows, meta, err)
}

// onNode reads a node, by its name or else its ID, with its instances. The node is nil where there is none.
func (h *catalogHandler) onNode(r *exchange.Request) (n *cluster.Node, services []*cluster.Service, meta cluster.QueryMeta, err error) {
	name, err := r.Required("node", "node name")
	if err != nil {
		return nil, nil, meta, err
	}
	meta, err = h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
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

func (h *catalogHandler) node(r *exchange.Request) (*exchange.Reply, error) {
	n, services, meta, err := h.onNode(r)
	if err != nil || n == nil {
		return exchange.FoundConsistently((*wire.NodeServices)(nil), meta, err)
	}
	rows, err := exchange.Filter(r, exchange.Each(services, wire.FromService))
	out := &wire.NodeServices{Node: wire.FromNode(n), Services: make(map[string]wire.Service, len(rows))}
	for _, s := range rows {
		out.Services[s.ID] = s
	}
	return exchange.FoundConsistently(out, meta, err)
}

func (h *catalogHandler) nodeServices(r *exchange.Request) (*exchange.Reply, error) {
	n, services, meta, err := h.onNode(r)
	if err != nil || n == nil {
		return exchange.FoundConsistently(wire.NodeServiceList{}, meta, err) // clients look into it, unlike that of catalog/node
	}
	node := wire.FromNode(n)
	rows, err := exchange.Filter(r, exchange.Each(services, wire.FromService))
	return exchange.FoundConsistently(wire.NodeServiceList{Node: &node, Services: rows}, meta, err)
}

func (h *catalogHandler) register(r *exchange.Request) (*exchange.Reply, error) {
	var body registrationJSON
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	if err := exchange.InDatacenter(body.Datacenter, h.datacenter); err != nil {
		return nil, err
	}
	if err := body.check(); err != nil {
		return nil, err
	}
	_, err := h.writer.Apply(r.Context(), cmp.Or(r.WriteOptions(), body.WriteOptions()), body.command(h.datacenter))
	return exchange.Done(err)
}

func (h *catalogHandler) deregister(r *exchange.Request) (*exchange.Reply, error) {
	var body deregistrationJSON
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	if err := exchange.InDatacenter(body.Datacenter, h.datacenter); err != nil {
		return nil, err
	}
	cmd := &cluster.Deregister{Node: body.Node, ServiceID: body.ServiceID, CheckID: body.CheckID}
	_, err := h.writer.Apply(r.Context(), cmp.Or(r.WriteOptions(), body.WriteOptions()), cmd)
	return exchange.Done(err)
}
