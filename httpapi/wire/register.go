package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/netip"
	"strings"

	"holdfast/cluster"
)

// ServiceInput is an instance in the body of catalog/register.
type ServiceInput struct {
	Kind              string
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]ServiceAddress
	Meta              map[string]string
	Port              int
	SocketPath        string
	Weights           *Weights
	EnableTagOverride bool
	Locality          *Locality
	Proxy, Connect    json.RawMessage

	// What clients send back as they have read it, and what is not ours.
	EnterpriseMeta, Namespace, Partition, PeerName json.RawMessage
	ContentHash, Datacenter                        string
	CreateIndex, ModifyIndex                       uint64
}

// CheckInput is a check in the body of catalog/register.
type CheckInput struct {
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
	Definition  Definition

	// What clients send back as they have read it, and what is not ours.
	Namespace, Partition, PeerName, EnterpriseMeta, Locality json.RawMessage
	ExposedPort                                              int
	CreateIndex, ModifyIndex                                 uint64
}

// Instance is the instance that the body describes, on a node.
func (s *ServiceInput) Instance(node string) *cluster.Service {
	out := &cluster.Service{
		Node: node, ID: s.ID, Name: s.Service, Kind: s.Kind, Tags: s.Tags, Address: s.Address, TaggedAddresses: ServiceAddressesOf(s.TaggedAddresses),
		Meta: s.Meta, Port: s.Port, SocketPath: s.SocketPath, Weights: WeightsOf(s.Weights), EnableTagOverride: s.EnableTagOverride,
		Locality: LocalityOf(s.Locality), Proxy: opaqueOf(s.Proxy), Connect: opaqueOf(s.Connect),
	}
	if out.ID == "" {
		out.ID = out.Name
	}
	return out
}

// Check is the check that the body describes, on a node.
func (c *CheckInput) Check(node string) *cluster.Check {
	out := &cluster.Check{
		Node: node, ID: c.CheckID, Name: c.Name, Status: cluster.Status(c.Status), Notes: c.Notes, Output: c.Output,
		ServiceID: c.ServiceID, Type: cmp.Or(c.Type, c.Definition.kind()), Interval: c.Interval, Timeout: c.Timeout, Probe: c.Definition.encoded(),
	}
	if c.Node != "" {
		out.Node = c.Node // the state says what is wrong where it is another one
	}
	return out
}

// Reachable refuses the address of an instance that is every address of a machine: no client could connect to it.
func Reachable(s *cluster.Service) error {
	if ip, err := netip.ParseAddr(strings.Trim(s.Address, "[]")); err == nil && ip.IsUnspecified() {
		return cluster.Errorf(cluster.Invalid, "Invalid service address: %s of service %q is every address of a machine, and no client can connect to it: leave it out to mean the node's", s.Address, s.Name)
	}
	return nil
}

// WeightsOf are the weights of a body, the default ones for nil.
func WeightsOf(w *Weights) cluster.Weights {
	if w == nil {
		return cluster.DefaultWeights
	}
	return cluster.Weights(*w)
}

// ServiceAddressesOf are the named addresses of a body.
func ServiceAddressesOf(as map[string]ServiceAddress) map[string]cluster.ServiceAddress {
	if len(as) == 0 {
		return nil
	}
	out := make(map[string]cluster.ServiceAddress, len(as))
	for name, a := range as {
		out[name] = cluster.ServiceAddress(a)
	}
	return out
}

// LocalityOf is the locality of a body, which may be absent.
func LocalityOf(l *Locality) cluster.Locality {
	if l == nil {
		return cluster.Locality{}
	}
	return cluster.Locality(*l)
}

// opaqueOf is an object that is only kept, without its white space, nil for one that says nothing.
func opaqueOf(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil || b.Len() <= len("{}") || b.String() == "null" {
		return nil
	}
	return b.Bytes()
}
