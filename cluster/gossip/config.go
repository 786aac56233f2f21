package gossip

import (
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// DefaultPort is the gossip port where the configuration names none.
const DefaultPort = 8301

// WANLabel is the label of the pool between datacenters. No cluster ID is that.
const WANLabel = "wan"

// Config says who this member is and how it gossips. DefaultConfig fills in all but Name and the addresses.
type Config struct {
	Name      string            // the node name, unique in the pool
	Bind      netip.AddrPort    // where to listen, UDP and TCP; port 0 takes a free one
	Advertise netip.AddrPort    // what the others are told; its address is by default Bind's, its port the bound one
	Tags      map[string]string // this member's announcement of itself
	Keys      [][]byte          // gossip keys of 16, 24 or 32 bytes; the first encrypts, each decrypts; none: plain text

	Passive bool // nobody is named to join: while this member has no cluster, it lets itself be found by one that remembers it
	// Label is put on all that goes out and asked of all that comes in, for a pool of members of several clusters. "": the cluster ID is, where both
	// sides know it (border.go).
	Label string
	// KeysOf is another pool of this member, opened before this one, whose keyring this one shares: Keys and KeyringFile count for nothing then.
	KeysOf  *Pool
	PortKey string // the configuration's name of the port, for errors

	// KeyringFile is where the keys are kept, once there are any; what it holds goes before Keys. "" keeps none.
	KeyringFile string

	OnEvent func(Event)                     // called with each event, in order, from one goroutine; nil: nobody asks
	Accept  func(cluster.Member) error      // refuses a living member (of another datacenter, say); quick, and must not call the pool; nil: all
	Cut     func(to netip.AddrPort) bool    // true where nothing is to be sent: test support parts a network with it; nil: nowhere
	adjust  func(config *memberlist.Config) // tests reach memberlist through it

	ReconnectInterval time.Duration // about how often a failed member is tried again
	ReconnectTimeout  time.Duration // a member that has failed for so long is forgotten
	TombstoneTimeout  time.Duration // a member that has left for so long is forgotten
	ReapInterval      time.Duration // how often the two are looked at
	LeaveDelay        time.Duration // how long Leave goes on answering after it has said goodbye

	// How fast a fault is seen: about ProbeInterval until a dead member is probed, then SuspicionMult × ProbeInterval (more in pools of over 10 members).
	ProbeInterval    time.Duration
	ProbeTimeout     time.Duration // how long a probe waits before others are asked to try
	SuspicionMult    int
	GossipInterval   time.Duration // how often news is passed on
	GossipNodes      int           // to how many members
	RetransmitMult   int           // news is passed on RetransmitMult × log10(members) times
	PushPullInterval time.Duration // how often all is compared with one member
	StreamTimeout    time.Duration // limit of a TCP exchange
}

// DefaultConfig is a member of a local network with the pace of memberlist's LAN profile, which is Consul's.
func DefaultConfig() Config {
	return paced(memberlist.DefaultLANConfig(), "ports.serf_lan")
}

// DefaultWANConfig is a member of a pool across wide-area links with the pace of memberlist's WAN profile, which is Consul's.
func DefaultWANConfig() Config {
	c := paced(memberlist.DefaultWANConfig(), "ports.serf_wan")
	c.Label = WANLabel
	return c
}

func paced(m *memberlist.Config, portKey string) Config {
	return Config{
		PortKey:           portKey,
		ReconnectInterval: 5 * time.Second,
		ReconnectTimeout:  72 * time.Hour,
		TombstoneTimeout:  24 * time.Hour,
		ReapInterval:      15 * time.Second,
		LeaveDelay:        time.Second,
		ProbeInterval:     m.ProbeInterval,
		ProbeTimeout:      m.ProbeTimeout,
		SuspicionMult:     m.SuspicionMult,
		GossipInterval:    m.GossipInterval,
		GossipNodes:       m.GossipNodes,
		RetransmitMult:    m.RetransmitMult,
		PushPullInterval:  m.PushPullInterval,
		StreamTimeout:     m.TCPTimeout,
	}
}

// Validate says in one sentence what is wrong with the configuration.
func (c Config) Validate() error {
	if err := message.CheckName(c.Name); err != nil {
		return cluster.Errorf(cluster.Invalid, "node_name: %v", err)
	}
	for _, check := range []func() error{c.validateAddrs, c.validateKeys, c.validateTimes} {
		if err := check(); err != nil {
			return err
		}
	}
	_, err := message.EncodeTags(c.Tags)
	return err
}

func (c Config) validateAddrs() error {
	bind, adv := c.Bind.Addr(), c.Advertise.Addr()
	switch {
	case !bind.IsValid():
		return cluster.Errorf(cluster.Invalid, "bind_addr: gossip has no address to listen on")
	case bind.Zone() != "" || adv.Zone() != "":
		return cluster.Errorf(cluster.Invalid, "bind_addr: gossip cannot use an address with a zone (%s): give one of global or private scope", c.Bind.Addr())
	case bind.IsMulticast() || adv.IsMulticast():
		return cluster.Errorf(cluster.Invalid, "bind_addr: a multicast address is none of a member")
	case !adv.IsValid() && bind.IsUnspecified():
		return cluster.Errorf(cluster.Invalid, "advertise_addr: is needed with bind_addr %s: set it to the address at which the other members reach this one", bind)
	case adv.IsValid() && adv.IsUnspecified():
		return cluster.Errorf(cluster.Invalid, "advertise_addr: nobody reaches %s: set it to the address at which the other members reach this one", adv)
	case adv.IsValid() && !bind.IsUnspecified() && adv.Is4() != bind.Is4():
		return cluster.Errorf(cluster.Invalid, "advertise_addr: %s and bind_addr %s must both be IPv4 or both be IPv6", adv, bind)
	}
	return nil
}

func (c Config) validateKeys() error {
	for _, key := range c.Keys {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) validateTimes() error {
	for _, t := range []struct {
		name string
		time time.Duration
	}{
		{"reconnect_interval", c.ReconnectInterval},
		{"reconnect_timeout", c.ReconnectTimeout},
		{"tombstone_timeout", c.TombstoneTimeout},
		{"reap_interval", c.ReapInterval},
		{"gossip_lan.probe_interval", c.ProbeInterval},
		{"gossip_lan.probe_timeout", c.ProbeTimeout},
		{"gossip_lan.gossip_interval", c.GossipInterval},
		{"gossip_lan.push_pull_interval", c.PushPullInterval},
		{"gossip_lan.stream_timeout", c.StreamTimeout},
	} {
		if t.time <= 0 {
			return cluster.Errorf(cluster.Invalid, "%s: %v is not a time to wait: it must be above zero", t.name, t.time)
		}
	}
	for _, n := range []struct {
		name  string
		count int
	}{
		{"gossip_lan.suspicion_mult", c.SuspicionMult},
		{"gossip_lan.gossip_nodes", c.GossipNodes},
		{"gossip_lan.retransmit_mult", c.RetransmitMult},
	} {
		if n.count <= 0 {
			return cluster.Errorf(cluster.Invalid, "%s: %d is too few: it must be 1 or more", n.name, n.count)
		}
	}
	switch {
	case c.ProbeTimeout > c.ProbeInterval:
		return cluster.Errorf(cluster.Invalid, "gossip_lan.probe_timeout: %v is longer than probe_interval, %v", c.ProbeTimeout, c.ProbeInterval)
	case c.LeaveDelay < 0:
		return cluster.Errorf(cluster.Invalid, "leave_delay: %v is below zero", c.LeaveDelay)
	}
	return nil
}

// memberlist is the library's configuration, without its delegates and its transport.
func (c Config) memberlist() *memberlist.Config {
	m := memberlist.DefaultLANConfig()
	m.Name = c.Name
	// A packet is at most as long as it may be before it is compressed, so that makes none fewer; a fresh table of LZW for each was a third of the processor
	// time of members that come together. What is compressed is understood.
	m.EnableCompression = false
	m.DelegateProtocolMin, m.DelegateProtocolMax, m.DelegateProtocolVersion = 1, 1, 1
	m.ProbeInterval, m.ProbeTimeout, m.SuspicionMult = c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult
	m.GossipInterval, m.GossipNodes, m.RetransmitMult = c.GossipInterval, c.GossipNodes, c.RetransmitMult
	m.PushPullInterval, m.TCPTimeout = c.PushPullInterval, c.StreamTimeout
	// A failed member may come back at another address at once; a living one's name is never given away.
	m.DeadNodeReclaimTime = time.Nanosecond
	if c.adjust != nil {
		c.adjust(m)
	}
	return m
}
