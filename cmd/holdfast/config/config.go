package config

import (
	"net/netip"
	"time"

	"holdfast/cluster"
)

// Config is everything an agent needs to know, checked and complete.
type Config struct {
	Server          bool
	Dev             bool // one member, nothing on disk that outlives it
	BootstrapExpect int  // 0 where this agent joins an existing cluster
	Datacenter      string
	Domain          string
	AltDomain       string
	NodeName        string
	NodeID          string // "" means: kept in data_dir, made at the first start
	NodeMeta        map[string]string
	DataDir         string

	BindAddr      netip.Addr // what gossip and RPC listen on
	AdvertiseAddr netip.Addr // what the others are told
	SerfPort      int
	ServerPort    int
	HTTPAddrs     []string // "ip:port" or "unix:///path"; none where switched off
	DNSAddrs      []string // "ip:port"

	Join          []string
	RetryJoin     []string
	RetryInterval time.Duration
	RetryMax      int // 0 means without end
	Encrypt       []byte

	LogLevel string
	LogJSON  bool
	LogFile  string
	PIDFile  string

	ScriptChecks         bool // from files and from the API
	LocalScriptChecks    bool // from files
	SkipLeaveOnInterrupt bool
	LeaveOnTerminate     bool
	ReconnectTimeout     time.Duration
	SessionTTLMin        time.Duration
	RaftMultiplier       int
	HTTPMaxConns         int
	KVMaxValueSize       int
	ResponseHeaders      map[string]string
	DNS                  DNSSettings
	LeaseTTL             time.Duration
	Fence                string // "auto", "tcx", "clsact" or "nftables"

	Services []Registration
	Checks   []cluster.CheckDefinition // of the node
	Groups   []cluster.Group
}

// Registration is a service of this agent with its checks.
type Registration struct {
	Service cluster.Service
	Checks  []cluster.CheckDefinition
}

// DNSSettings is what the DNS surface is told.
type DNSSettings struct {
	NodeTTL        time.Duration
	ServiceTTL     map[string]time.Duration // by service name, "*" for the others
	OnlyPassing    bool
	AllowStale     bool
	UDPAnswerLimit int
	ARecordLimit   int
	Truncate       bool
	SOARefresh     uint32
	SOARetry       uint32
	SOAExpire      uint32
	SOAMinTTL      uint32
}

// The defaults that are ports, names and times. They are Consul's, but for the lease.
const (
	defaultHTTPPort   = 8500
	defaultDNSPort    = 8600
	defaultSerfPort   = 8301
	defaultServerPort = 8300

	defaultDatacenter       = "dc1"
	defaultDomain           = "consul."
	defaultRetryInterval    = 30 * time.Second
	defaultReconnectTimeout = 72 * time.Hour
	minReconnectTimeout     = 8 * time.Hour
	defaultLeaseTTL         = 700 * time.Millisecond
	minLeaseTTL             = 200 * time.Millisecond
	maxLeaseTTL             = 30 * time.Second
	defaultHTTPMaxConns     = 200
)
