package agent

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/cluster"
	"holdfast/cluster/consensus"
	"holdfast/cluster/join"
	"holdfast/cluster/secure"
	"holdfast/cluster/wan"
)

// Config is what one member needs to know. The command checks it; the agent believes it.
type Config struct {
	Name            string
	ID              string // "" means: kept in DataDir, made at the first start
	Datacenter      string
	Meta            map[string]string
	Server          bool
	BootstrapExpect int
	DataDir         string

	Bind      netip.Addr // what gossip and RPC listen on
	Advertise netip.Addr // what the others are told
	SerfPort  int        // 0 takes a free one
	RPCPort   int        // 0 takes a free one

	Join      join.Config
	GossipKey []byte
	WAN       *wan.Settings // the pool between datacenters, nil where this member is not in it

	ReconnectTimeout   time.Duration      // 0 means the default
	Autopilot          *cluster.Autopilot // what a new cluster begins with, nil for the default
	CAClusterID        string             // a UUID that the root of the CA is named after, "" for the cluster's ID
	DisableCoordinates bool               // this member tells nobody where it is
	CheckOutput        CheckOutput
	RaftMultiplier     int                 // stretches Raft's timeouts, 0 means 1
	RaftBackend        string              // how a new data directory keeps the log: "wal", "boltdb" or "" for the default
	Snapshots          consensus.Snapshots // how often the state is written, and how much of the log stays
	LeaseTTL           time.Duration
	LeaseEnd           time.Duration // the longest that a lease lives after its confirmation: TTL and margin
	Build              string        // "1.21.4:revision", for the build tag
	Version            string        // Holdfast's own

	Secure  secure.Rules          // how connections with other members are protected
	Metrics prometheus.Registerer // where the member's metrics go; nil means nowhere

	Duty func(a *Agent, term uint64) Duty // made for each leadership; nil for none
}

// CheckOutput says what becomes of what checks print.
type CheckOutput struct {
	Interval time.Duration // it is written to the catalog at most this often while the status stays the same; 0 means the default
	MaxSize  int           // bytes that are kept at most and by default; 0 means what the check says
	Discard  bool          // nothing is kept
}

// Duty is what the leader does for failover.
type Duty interface {
	// Run does it until leadership ends.
	Run(ctx context.Context)
	// Serve carries the lease channel of one member until it breaks or leadership ends.
	Serve(ctx context.Context, s Stream) error
}

// Stream is a channel of messages between two members.
type Stream interface {
	Send(msg []byte) error
	Recv() ([]byte, error)
	Close() error
}

// holdTimeout is how long a read or write waits for a leader before it answers that there is none. It is Consul's rpc_hold_timeout.
const holdTimeout = 7 * time.Second

func (c *Config) rpcBind() string {
	return net.JoinHostPort(c.Bind.String(), strconv.Itoa(c.RPCPort))
}

// node is this member's record in the catalog.
func (c *Config) node(id string) cluster.Node {
	ip, abroad := c.Advertise, c.Advertise
	if c.WAN != nil {
		abroad = c.WAN.Advertise
	}
	n := cluster.Node{
		ID: id, Name: c.Name, Address: ip.String(), Datacenter: c.Datacenter,
		TaggedAddresses: map[string]string{"lan": ip.String(), "lan_" + family(ip): ip.String(), "wan": abroad.String(), "wan_" + family(abroad): abroad.String()},
		Meta:            map[string]string{"consul-network-segment": "", "consul-version": c.compatVersion()},
	}
	maps.Copy(n.Meta, c.Meta)
	return n
}

// family is the word for the family of an address in the names of tagged addresses.
func family(ip netip.Addr) string {
	if ip.Is6() {
		return "ipv6"
	}
	return "ipv4"
}

// compatVersion is the Consul release in the build tag.
func (c *Config) compatVersion() string {
	v, _, _ := strings.Cut(c.Build, ":")
	return v
}
