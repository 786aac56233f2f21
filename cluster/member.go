package cluster

import (
	"net/netip"
	"strconv"
	"strings"
)

// MemberStatus is what the gossip pool holds of a member. The numbers are those of Consul's members API.
type MemberStatus int

// The states of a member.
const (
	StatusNone    MemberStatus = 0
	StatusAlive   MemberStatus = 1
	StatusLeaving MemberStatus = 2 // it has said that it is about to leave
	StatusLeft    MemberStatus = 3 // it left in good order
	StatusFailed  MemberStatus = 4 // it stopped answering
)

var memberStatusNames = [...]string{"none", "alive", "leaving", "left", "failed"}

// String is the status as the members verb prints it.
func (s MemberStatus) String() string {
	if s >= 0 && int(s) < len(memberStatusNames) {
		return memberStatusNames[s]
	}
	return "none"
}

// Member is an agent as the gossip pool sees it.
type Member struct {
	Name   string // the node name, unique in the pool
	Addr   netip.AddrPort
	Status MemberStatus
	Tags   map[string]string // the agent's announcement of itself; see the Tag constants
}

// The tags of a member. Their names are Consul's, so that programs that read /v1/agent/self find what they look for.
const (
	TagRole       = "role"   // "consul" for a server, "node" for every other agent
	TagDatacenter = "dc"     //
	TagID         = "id"     // the node ID, a UUID
	TagPort       = "port"   // the RPC port (8300)
	TagExpect     = "expect" // bootstrap_expect, on servers that were given one
	TagNonVoter   = "nonvoter"
	TagBuild      = "build"         // compatibility version and revision, "1.21.4:1a2b3c4d"
	TagVersion    = "vsn"           // gossip protocol version
	TagHoldfast   = "holdfast"      // Holdfast's own version
	TagRPCAddr    = "rpc_addr"      // the RPC address where it differs from the gossip address
	TagCluster    = "cluster"       // the cluster ID, or one of the following; members of older versions do not have it
	TagTLS        = "use_tls"       // "1" where its RPC port takes TLS
	TagWANPort    = "wan_join_port" // on servers: the port of the pool between datacenters, where they are in one
	TagWANAddr    = "wan_join_addr" // their address in it where it is not that of gossip
	TagCommands   = "commands"      // which commands of the log it can apply, a Vocabulary; members of 0.1.0 do not have it
)

// The values of TagCluster of a member that has no cluster ID.
const (
	NoCluster      = "none"    // it belongs to no cluster yet
	UnnamedCluster = "unnamed" // it belongs to a cluster that has no ID yet, or whose ID it has not learned
)

// IsServer reports whether the member says that it is a server.
func (m Member) IsServer() bool { return m.Tags[TagRole] == "consul" }

// ClusterID is the ID of the cluster that the member says it belongs to, "" where it names none.
func (m Member) ClusterID() string {
	switch id := m.Tags[TagCluster]; id {
	case NoCluster, UnnamedCluster:
		return ""
	default:
		return id
	}
}

// MembersByID are members by their node IDs. One that was renamed is in the pool under both names: the living one counts, else one that has
// not left.
func MembersByID(members []Member) map[string]Member {
	out := make(map[string]Member, len(members))
	for _, m := range members {
		id := m.Tags[TagID]
		if other, twice := out[id]; id != "" && (!twice || other.Status != StatusAlive && m.Status != StatusLeft) {
			out[id] = m
		}
	}
	return out
}

// Vocabulary is the commands that the member says it can apply.
func (m Member) Vocabulary() Vocabulary {
	if v := m.Tags[TagCommands]; v != "" {
		return Vocabulary(v)
	}
	return FirstVocabulary
}

// CompatVersion is the release of Consul that the member says it is compatible with, "" where it says none.
func (m Member) CompatVersion() string {
	v, _, _ := strings.Cut(m.Tags[TagBuild], ":")
	return v
}

// RPCPort is the port of the member's RPC listener, the default one where it says nothing that can be read.
func (m Member) RPCPort() uint16 {
	if n, err := strconv.ParseUint(m.Tags[TagPort], 10, 16); err == nil && n > 0 {
		return uint16(n)
	}
	return DefaultRPCPort
}

// RPCAddr is where the member's RPC listener is, "ip:port".
func (m Member) RPCAddr() string {
	if a := m.Tags[TagRPCAddr]; a != "" {
		return a
	}
	return netip.AddrPortFrom(m.Addr.Addr(), m.RPCPort()).String()
}

// DefaultRPCPort is the port between members where the config names no other.
const DefaultRPCPort = 8300

// Peer is one entry of the Raft configuration.
type Peer struct {
	ID    string // the node ID
	Addr  string // the RPC address, "ip:port"
	Voter bool
}
