package httpapi

import (
	"encoding/json"

	"holdfast/cluster"
)

// placeJSON is what a request's body may say of where it belongs. All but the datacenter and the token is taken and not looked at.
type placeJSON struct {
	Datacenter   string
	Namespace    string
	Partition    string
	PeerName     string
	Token        string
	WriteRequest *struct{ Token string }
}

// token is what a write carries if the request itself has no token.
func (p *placeJSON) token() cluster.WriteOptions {
	if p.WriteRequest != nil && p.Token == "" {
		return cluster.WriteOptions{Token: p.WriteRequest.Token}
	}
	return cluster.WriteOptions{Token: p.Token}
}

// registrationJSON is the body of catalog/register.
type registrationJSON struct {
	placeJSON
	ID              string
	Node            string
	Address         string
	TaggedAddresses map[string]string
	NodeMeta        map[string]string
	Service         *catalogServiceJSON
	Check           *catalogCheckJSON
	Checks          []*catalogCheckJSON
	SkipNodeUpdate  bool
	Locality        json.RawMessage
	EnterpriseMeta  json.RawMessage
}

// catalogServiceJSON is an instance in the body of catalog/register.
type catalogServiceJSON struct {
	Kind              string
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]serviceAddressJSON
	Meta              map[string]string
	Port              int
	SocketPath        string
	Weights           *weightsJSON
	EnableTagOverride bool

	// What clients send back as they have read it, and what is not ours.
	Proxy, Connect, Locality, EnterpriseMeta, Namespace, Partition, PeerName json.RawMessage
	ContentHash, Datacenter                                                  string
	CreateIndex, ModifyIndex                                                 uint64
}

// catalogCheckJSON is a check in the body of catalog/register.
type catalogCheckJSON struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string

	// What clients send back as they have read it, and what is not ours.
	Definition, Namespace, Partition, PeerName, EnterpriseMeta, Locality json.RawMessage
	ExposedPort                                                          int
	CreateIndex, ModifyIndex                                             uint64
}

// deregistrationJSON is the body of catalog/deregister.
type deregistrationJSON struct {
	placeJSON
	Node      string
	Address   string
	ServiceID string
	CheckID   string
}

func (b *registrationJSON) command(datacenter string) *cluster.Register {
	cmd := &cluster.Register{
		Node: cluster.Node{
			ID: b.ID, Name: b.Node, Address: b.Address, Datacenter: datacenter, TaggedAddresses: b.TaggedAddresses, Meta: b.NodeMeta,
		},
		SkipNodeUpdate: b.SkipNodeUpdate,
	}
	if b.Service != nil {
		cmd.Service = b.Service.service(b.Node)
	}
	for _, c := range append(b.Checks, b.Check) {
		if c != nil {
			cmd.Checks = append(cmd.Checks, c.check(b.Node))
		}
	}
	return cmd
}

func (s *catalogServiceJSON) service(node string) *cluster.Service {
	out := &cluster.Service{
		Node: node, ID: s.ID, Name: s.Service, Kind: s.Kind, Tags: s.Tags, Address: s.Address, TaggedAddresses: serviceAddresses(s.TaggedAddresses),
		Meta: s.Meta, Port: s.Port, SocketPath: s.SocketPath, Weights: weightsOf(s.Weights), EnableTagOverride: s.EnableTagOverride,
	}
	if out.ID == "" {
		out.ID = out.Name
	}
	return out
}

func (c *catalogCheckJSON) check(node string) *cluster.Check {
	out := &cluster.Check{
		Node: node, ID: c.CheckID, Name: c.Name, Status: cluster.Status(c.Status), Notes: c.Notes, Output: c.Output,
		ServiceID: c.ServiceID, Type: c.Type, Interval: c.Interval, Timeout: c.Timeout,
	}
	if c.Node != "" {
		out.Node = c.Node // the state says what is wrong where it is another one
	}
	return out
}

func weightsOf(w *weightsJSON) cluster.Weights {
	if w == nil {
		return cluster.DefaultWeights
	}
	return cluster.Weights(*w)
}

func serviceAddresses(as map[string]serviceAddressJSON) map[string]cluster.ServiceAddress {
	if len(as) == 0 {
		return nil
	}
	out := make(map[string]cluster.ServiceAddress, len(as))
	for name, a := range as {
		out[name] = cluster.ServiceAddress(a)
	}
	return out
}
