package wire

import (
	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Node is a node as the catalog and health families show it.
type Node struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string
	Meta            map[string]string
	Locality        *Locality `json:",omitempty" bexpr:"-"`
	CreateIndex     uint64
	ModifyIndex     uint64
}

// ServiceAddress is a named address of an instance.
type ServiceAddress struct {
	Address string
	Port    int
}

// Locality is where a node or an instance runs.
type Locality struct {
	Region string
	Zone   string
}

// Weights are an instance's weights.
type Weights struct {
	Passing int
	Warning int
}

// Service is an instance below its node, as catalog/node and the health family show it.
type Service struct {
	Kind              string `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]ServiceAddress `json:",omitempty"`
	Meta              map[string]string
	Port              int
	SocketPath        string `json:",omitempty"`
	Weights           Weights
	EnableTagOverride bool
	Proxy             Opaque
	Connect           Opaque
	Locality          *Locality `json:",omitempty" bexpr:"-"`
	CreateIndex       uint64
	ModifyIndex       uint64
}

// ServiceNode is an instance with its node in one flat row, as catalog/service shows it.
type ServiceNode struct {
	ID                       string
	Node                     string
	Address                  string
	Datacenter               string
	TaggedAddresses          map[string]string
	NodeMeta                 map[string]string
	ServiceKind              string
	ServiceID                string
	ServiceName              string
	ServiceTags              []string
	ServiceAddress           string
	ServiceTaggedAddresses   map[string]ServiceAddress `json:",omitempty"`
	ServiceWeights           Weights
	ServiceMeta              map[string]string
	ServicePort              int
	ServiceSocketPath        string
	ServiceEnableTagOverride bool
	ServiceProxy             Opaque
	ServiceConnect           Opaque
	ServiceLocality          *Locality `json:",omitempty" bexpr:"-"`
	CreateIndex              uint64
	ModifyIndex              uint64
}

// NodeServices is a node with its instances by ID.
type NodeServices struct {
	Node     Node
	Services map[string]Service
}

// NodeServiceList is a node with its instances in a list. Both are null where there is no such node.
type NodeServiceList struct {
	Node     *Node
	Services []Service
}

// FromNode is a node as it is shown.
func FromNode(n *cluster.Node) Node {
	return Node{
		ID: n.ID, Node: n.Name, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: exchange.OrEmptyMap(n.TaggedAddresses),
		Meta: exchange.OrEmptyMap(n.Meta), Locality: FromLocality(n.Locality), CreateIndex: n.CreateIndex, ModifyIndex: n.ModifyIndex,
	}
}

// FromService is an instance as it is shown below its node.
func FromService(s *cluster.Service) Service {
	return Service{
		Kind: s.Kind, ID: s.ID, Service: s.Name, Tags: exchange.OrEmpty(s.Tags), Address: s.Address, TaggedAddresses: FromServiceAddresses(s.TaggedAddresses),
		Meta: exchange.OrEmptyMap(s.Meta), Port: s.Port, SocketPath: s.SocketPath, Weights: FromWeights(s.Weights), EnableTagOverride: s.EnableTagOverride,
		Proxy: s.Proxy, Connect: s.Connect, Locality: FromLocality(s.Locality), CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
	}
}

// FromInstanceFlat is an instance with its node in one row.
func FromInstanceFlat(i state.Instance) ServiceNode {
	n, s := i.Node, i.Service
	return ServiceNode{
		ID: n.ID, Node: n.Name, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: exchange.OrEmptyMap(n.TaggedAddresses),
		NodeMeta: exchange.OrEmptyMap(n.Meta), ServiceKind: s.Kind, ServiceID: s.ID, ServiceName: s.Name, ServiceTags: exchange.OrEmpty(s.Tags), ServiceAddress: s.Address,
		ServiceTaggedAddresses: FromServiceAddresses(s.TaggedAddresses), ServiceWeights: FromWeights(s.Weights), ServiceMeta: exchange.OrEmptyMap(s.Meta),
		ServicePort: s.Port, ServiceSocketPath: s.SocketPath, ServiceEnableTagOverride: s.EnableTagOverride,
		ServiceProxy: s.Proxy, ServiceConnect: s.Connect, ServiceLocality: FromLocality(s.Locality), CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
	}
}

// FromServiceAddresses are named addresses as they are shown.
func FromServiceAddresses(as map[string]cluster.ServiceAddress) map[string]ServiceAddress {
	out := make(map[string]ServiceAddress, len(as))
	for name, a := range as {
		out[name] = ServiceAddress(a)
	}
	return out
}

// FromLocality is a locality as it is shown, nil where nothing is said.
func FromLocality(l cluster.Locality) *Locality {
	if l == (cluster.Locality{}) {
		return nil
	}
	return (*Locality)(&l)
}

// FromWeights are weights as they are shown.
func FromWeights(w cluster.Weights) Weights {
	if w == (cluster.Weights{}) {
		w = cluster.DefaultWeights
	}
	return Weights(w)
}
