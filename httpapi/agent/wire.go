package agent

import (
	"strings"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// memberJSON is a member of the gossip pool. The protocol versions are those of the Consul release that we are compatible with.
type memberJSON struct {
	Name        string
	Addr        string
	Port        uint16
	Tags        map[string]string
	Status      int
	ProtocolMin uint8
	ProtocolMax uint8
	ProtocolCur uint8
	DelegateMin uint8
	DelegateMax uint8
	DelegateCur uint8
}

func toMember(m cluster.Member) memberJSON {
	addr := ""
	if m.Addr.IsValid() {
		addr = m.Addr.Addr().String()
	}
	return memberJSON{
		Name: m.Name, Addr: addr, Port: m.Addr.Port(), Tags: exchange.OrEmptyMap(m.Tags), Status: int(m.Status),
		ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

// toWANMember is a server as the pool between datacenters would show it, for an agent that is in none: the servers of its datacenter are that pool.
func toWANMember(m cluster.Member) memberJSON {
	out := toMember(m)
	out.Name += "." + m.Tags[cluster.TagDatacenter]
	return out
}

// selfJSON is what an agent says of itself.
type selfJSON struct {
	Config      selfConfigJSON
	DebugConfig map[string]any
	Coord       wire.Coordinate
	Member      memberJSON
	Stats       map[string]map[string]string
	Meta        map[string]string
}

type selfConfigJSON struct {
	Datacenter        string
	PrimaryDatacenter string
	NodeName          string
	NodeID            string
	Revision          string
	Server            bool
	Version           string
	BuildDate         string
	SessionTTLMin     int64 // nanoseconds; Patroni reads it
}

// versionJSON is the answer of agent/version.
type versionJSON struct {
	SHA          string
	BuildDate    string
	HumanVersion string
	FIPS         string
}

// agentServiceJSON is an instance as the agent shows what it registered.
type agentServiceJSON struct {
	Kind              string `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Meta              map[string]string
	Port              int
	Address           string
	SocketPath        string                         `json:",omitempty"`
	TaggedAddresses   map[string]wire.ServiceAddress `json:",omitempty"`
	Weights           wire.Weights
	EnableTagOverride bool
	Datacenter        string
	Locality          *wire.Locality `json:",omitempty" bexpr:"-"`
	ContentHash       string         `json:",omitempty"`
}

func toAgentService(s *cluster.Service, datacenter string) agentServiceJSON {
	return agentServiceJSON{
		Kind: s.Kind, ID: s.ID, Service: s.Name, Tags: exchange.OrEmpty(s.Tags), Meta: exchange.OrEmptyMap(s.Meta), Port: s.Port, Address: s.Address, SocketPath: s.SocketPath,
		TaggedAddresses: wire.FromServiceAddresses(s.TaggedAddresses), Weights: wire.FromWeights(s.Weights), EnableTagOverride: s.EnableTagOverride, Datacenter: datacenter,
		Locality: wire.FromLocality(s.Locality),
	}
}

// humanVersion is the version without the revision.
func humanVersion(v string) string {
	v, _, _ = strings.Cut(v, ":")
	return v
}
