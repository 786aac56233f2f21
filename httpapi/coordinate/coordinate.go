package coordinate

import (
	"cmp"
	"net/http"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// handler answers /v1/coordinate/.
type handler struct {
	reader     exchange.Reader
	writer     exchange.Writer
	wan        WAN // nil for none
	datacenter string
}

// WAN is the pool between datacenters.
type WAN interface {
	Datacenters() []string
	// Coordinates is where the servers of each datacenter are among all.
	Coordinates() map[string][]cluster.NodeCoordinate
}

// Routes are the endpoints of /v1/coordinate/. Of an agent that is in no pool between datacenters wan is nil.
func Routes(reader exchange.Reader, writer exchange.Writer, wan WAN, datacenter string) exchange.Routes {
	h := &handler{reader, writer, wan, datacenter}
	return exchange.Routes{
		"/v1/coordinate/datacenters":    {http.MethodGet: h.datacenters},
		"/v1/coordinate/nodes":          {http.MethodGet: h.nodes},
		"/v1/coordinate/node/{node...}": {http.MethodGet: h.node},
		"/v1/coordinate/update":         {http.MethodPut: h.update},
	}
}

// nodeJSON is a node with its coordinate.
type nodeJSON struct {
	Node    string
	Segment string // of the network; Holdfast has one, without a name
	Coord   wire.Coordinate
}

func toNode(c *cluster.NodeCoordinate) nodeJSON {
	return nodeJSON{Node: c.Node, Coord: wire.FromCoordinate(c.Coordinate)}
}

// datacenterJSON is the servers of a datacenter with their coordinates.
type datacenterJSON struct {
	Datacenter  string
	AreaID      string
	Coordinates []nodeJSON
}

// serversService is the service of which every server is an instance.
const serversService = "consul"

// datacenters is the coordinates of the servers of each datacenter: those that they have between datacenters, or, where there is one, in it.
func (h *handler) datacenters(r *exchange.Request) (*exchange.Reply, error) {
	if h.wan != nil {
		var all []datacenterJSON
		of := h.wan.Coordinates()
		for _, dc := range h.wan.Datacenters() {
			row := datacenterJSON{Datacenter: dc, AreaID: "wan", Coordinates: []nodeJSON{}}
			for _, c := range of[dc] {
				row.Coordinates = append(row.Coordinates, toNode(&c))
			}
			all = append(all, row)
		}
		return exchange.Answer(all)
	}
	var servers []*cluster.NodeCoordinate
	_, err := h.reader.Query(r.Context(), cluster.QueryOptions{Consistency: r.Options.Consistency, Token: r.Options.Token}, func(v *state.View) error {
		servers = nil
		for _, i := range v.ServiceInstances(serversService) {
			if c := v.Coordinate(i.Node.Name); c != nil {
				servers = append(servers, c)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return exchange.Answer([]datacenterJSON{{Datacenter: h.datacenter, AreaID: "wan", Coordinates: exchange.Each(servers, toNode)}})
}

func (h *handler) nodes(r *exchange.Request) (*exchange.Reply, error) {
	if err := oneSegment(r.Query.Get("segment")); err != nil {
		return nil, err
	}
	var all []*cluster.NodeCoordinate
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { all = v.Coordinates(); return nil })
	return exchange.Found(exchange.Each(all, toNode), meta, err)
}

// node is a list of one coordinate; a node without one is not found.
func (h *handler) node(r *exchange.Request) (*exchange.Reply, error) {
	name, err := r.Required("node", "node name")
	if err != nil {
		return nil, err
	}
	if err := oneSegment(r.Query.Get("segment")); err != nil {
		return nil, err
	}
	var c *cluster.NodeCoordinate
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { c = v.Coordinate(name); return nil })
	if err != nil {
		return nil, err
	}
	if c == nil {
		return &exchange.Reply{Status: http.StatusNotFound, Meta: &meta}, nil
	}
	return exchange.Found([]nodeJSON{toNode(c)}, meta, nil)
}

// updateJSON is the body of coordinate/update.
type updateJSON struct {
	exchange.Place
	Node    string
	Segment string
	Coord   wire.Coordinate
}

// update writes where a node is. That the catalog does not have the node is no error, as in Consul.
func (h *handler) update(r *exchange.Request) (*exchange.Reply, error) {
	var body updateJSON
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	if err := exchange.InDatacenter(body.Datacenter, h.datacenter); err != nil {
		return nil, err
	}
	if err := oneSegment(body.Segment); err != nil {
		return nil, err
	}
	said := cluster.NodeCoordinate{Node: body.Node, Coordinate: cluster.Coordinate(body.Coord)}
	if err := said.Validate(); err != nil {
		return nil, err
	}
	_, err := h.writer.Apply(r.Context(), cmp.Or(r.WriteOptions(), body.WriteOptions()), &cluster.UpdateCoordinates{Updates: []cluster.NodeCoordinate{said}})
	if err != nil {
		return nil, err
	}
	return &exchange.Reply{}, nil
}

// oneSegment refuses the segments of Consul Enterprise.
func oneSegment(name string) error {
	if name == "" {
		return nil
	}
	return cluster.Errorf(cluster.Invalid, "segment %q asks for a part of Consul Enterprise: leave it out", name)
}
