package cluster

import (
	"bytes"
	"maps"
	"slices"
)

// Service is one instance of a service on a node. A Service that a View hands out is shared and must not be changed.
type Service struct {
	Node              string // the name of the node it runs on
	ID                string // unique on its node
	Name              string
	Kind              string // "" for an ordinary service
	Tags              []string
	Address           string // "" means the node's address
	TaggedAddresses   map[string]ServiceAddress
	Meta              map[string]string
	Port              int
	SocketPath        string
	Weights           Weights
	EnableTagOverride bool
	Locality          Locality
	Proxy, Connect    []byte // what a mesh's client registered, in JSON: kept for those who read it, and not acted on

	CreateIndex, ModifyIndex uint64
}

// ServiceAddress is one named address of a service instance.
type ServiceAddress struct {
	Address string
	Port    int
}

// Weights are what DNS SRV answers carry for an instance. The zero value stands for DefaultWeights.
type Weights struct {
	Passing, Warning int
}

// DefaultWeights are the weights of an instance that names none.
var DefaultWeights = Weights{Passing: 1, Warning: 1}

// Validate says in one sentence what is wrong with the instance, or returns nil.
func (s *Service) Validate() error {
	switch {
	case s.Name == "":
		return Errorf(Invalid, "Must provide service name: the field Service (or Name) of service ID %q is empty", s.ID)
	case s.ID == "":
		return Errorf(Invalid, "service %q has no ID", s.Name)
	case hasNUL(s.Name) || hasNUL(s.ID):
		return Errorf(Invalid, "service name %q or its ID %q has a NUL character", s.Name, s.ID)
	case s.Port < 0 || s.Port > 65535:
		return Errorf(Invalid, "service %q has port %d: want 0 to 65535", s.Name, s.Port)
	case s.Port != 0 && s.SocketPath != "":
		return Errorf(Invalid, "service %q has both a port and a socket path: give one of them", s.Name)
	case s.Weights.Passing < 0 || s.Weights.Warning < 0 || s.Weights.Passing > 65535 || s.Weights.Warning > 65535:
		return Errorf(Invalid, "service %q has weights %d and %d: want 0 to 65535", s.Name, s.Weights.Passing, s.Weights.Warning)
	}
	return validMeta("service", s.Name, s.Meta)
}

// Equal reports whether two instances say the same, indexes aside.
func (s *Service) Equal(o *Service) bool {
	return s.Node == o.Node && s.ID == o.ID && s.Name == o.Name && s.Kind == o.Kind && s.Address == o.Address && s.Port == o.Port &&
		s.SocketPath == o.SocketPath && s.Weights == o.Weights && s.EnableTagOverride == o.EnableTagOverride &&
		s.Locality == o.Locality && bytes.Equal(s.Proxy, o.Proxy) && bytes.Equal(s.Connect, o.Connect) && slices.Equal(s.Tags, o.Tags) && maps.Equal(s.TaggedAddresses, o.TaggedAddresses) && maps.Equal(s.Meta, o.Meta)
}
