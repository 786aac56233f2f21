package httpapi

import (
	"holdfast/cluster"
	"holdfast/cluster/state"
)

// empty is an object without fields, where Consul shows a part that Holdfast leaves out.
type empty struct{}

// nodeJSON is a node as the catalog and health families show it.
type nodeJSON struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string
	Meta            map[string]string
	CreateIndex     uint64
	ModifyIndex     uint64
}

// serviceAddressJSON is a named address of an instance.
type serviceAddressJSON struct {
	Address string
	Port    int
}

// weightsJSON are an instance's weights.
type weightsJSON struct {
	Passing int
	Warning int
}

// serviceJSON is an instance below its node, as catalog/node and the health family show it.
type serviceJSON struct {
	Kind              string `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]serviceAddressJSON `json:",omitempty"`
	Meta              map[string]string
	Port              int
	SocketPath        string `json:",omitempty"`
	Weights           weightsJSON
	EnableTagOverride bool
	Proxy             empty
	Connect           empty
	CreateIndex       uint64
	ModifyIndex       uint64
}

// serviceNodeJSON is an instance with its node in one flat row, as catalog/service shows it.
type serviceNodeJSON struct {
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
	ServiceTaggedAddresses   map[string]serviceAddressJSON `json:",omitempty"`
	ServiceWeights           weightsJSON
	ServiceMeta              map[string]string
	ServicePort              int
	ServiceSocketPath        string
	ServiceEnableTagOverride bool
	ServiceProxy             empty
	ServiceConnect           empty
	CreateIndex              uint64
	ModifyIndex              uint64
}

// nodeServicesJSON is a node with its instances by ID.
type nodeServicesJSON struct {
	Node     nodeJSON
	Services map[string]serviceJSON
}

// nodeServiceListJSON is a node with its instances in a list.
type nodeServiceListJSON struct {
	Node     nodeJSON
	Services []serviceJSON
}

func toNode(n *cluster.Node) nodeJSON {
	return nodeJSON{
		ID: n.ID, Node: n.Name, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: orEmptyMap(n.TaggedAddresses),
		Meta: orEmptyMap(n.Meta), CreateIndex: n.CreateIndex, ModifyIndex: n.ModifyIndex,
	}
}

func toService(s *cluster.Service) serviceJSON {
	return serviceJSON{
		Kind: s.Kind, ID: s.ID, Service: s.Name, Tags: orEmpty(s.Tags), Address: s.Address, TaggedAddresses: toServiceAddresses(s.TaggedAddresses),
		Meta: orEmptyMap(s.Meta), Port: s.Port, SocketPath: s.SocketPath, Weights: toWeights(s.Weights), EnableTagOverride: s.EnableTagOverride,
		CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
	}
}

func toServiceNode(i state.Instance) serviceNodeJSON {
	n, s := i.Node, i.Service
	return serviceNodeJSON{
		ID: n.ID, Node: n.Name, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: orEmptyMap(n.TaggedAddresses),
		NodeMeta: orEmptyMap(n.Meta), ServiceKind: s.Kind, ServiceID: s.ID, ServiceName: s.Name, ServiceTags: orEmpty(s.Tags), ServiceAddress: s.Address,
		ServiceTaggedAddresses: toServiceAddresses(s.TaggedAddresses), ServiceWeights: toWeights(s.Weights), ServiceMeta: orEmptyMap(s.Meta),
		ServicePort: s.Port, ServiceSocketPath: s.SocketPath, ServiceEnableTagOverride: s.EnableTagOverride,
		CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
	}
}

func toServiceAddresses(as map[string]cluster.ServiceAddress) map[string]serviceAddressJSON {
	out := make(map[string]serviceAddressJSON, len(as))
	for name, a := range as {
		out[name] = serviceAddressJSON(a)
	}
	return out
}

func toWeights(w cluster.Weights) weightsJSON {
	if w == (cluster.Weights{}) {
		w = cluster.DefaultWeights
	}
	return weightsJSON(w)
}

// each converts the members of a list, which is never null.
func each[S, T any](list []S, convert func(S) T) []T {
	out := make([]T, 0, len(list))
	for _, s := range list {
		out = append(out, convert(s))
	}
	return out
}
