package agent

import (
	"fmt"
	"strconv"

	"github.com/mitchellh/hashstructure/v2"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// AgentService, ServiceAddress and AgentWeights have the names and the fields that Consul's agent hashes, so that a client which asks
// different agents, or has kept a hash, is told of a change only where there is one. What is not in them does not count: localities.
type (
	AgentService struct {
		Kind, ID, Service        string
		Tags                     []string
		Meta                     map[string]string
		Port                     int
		Address, SocketPath      string
		TaggedAddresses          map[string]ServiceAddress
		Weights                  AgentWeights
		EnableTagOverride        bool
		CreateIndex, ModifyIndex uint64
		ContentHash              string
		Proxy, Connect           *struct{}
		PeerName                 string
	}
	ServiceAddress struct {
		Address string
		Port    int
	}
	AgentWeights struct {
		Passing, Warning int
	}
)

// contentHash tells one content of an instance from another. It is the hash that Consul's agent gives.
func contentHash(s *cluster.Service) (string, error) {
	w := s.Weights
	if w == (cluster.Weights{}) {
		w = cluster.DefaultWeights
	}
	hashed := AgentService{
		Kind: s.Kind, ID: s.ID, Service: s.Name, Tags: exchange.OrEmpty(s.Tags), Meta: exchange.OrEmptyMap(s.Meta), Port: s.Port, Address: s.Address,
		SocketPath: s.SocketPath, TaggedAddresses: map[string]ServiceAddress{}, Weights: AgentWeights(w), EnableTagOverride: s.EnableTagOverride,
	}
	for name, a := range s.TaggedAddresses {
		hashed.TaggedAddresses[name] = ServiceAddress(a)
	}
	sum, err := hashstructure.Hash(hashed, hashstructure.FormatV1, nil)
	if err != nil {
		return "", fmt.Errorf("hash service %q: %w", s.ID, err)
	}
	return strconv.FormatUint(sum, 16), nil
}
