package config

import (
	"net/netip"
	"time"

	"holdfast/cluster"
	"holdfast/cmd/holdfast/config/transport"
	"holdfast/failover/keeper"
	"holdfast/failover/lease"
	"holdfast/failover/render"
	"holdfast/failover/upstream"
)

// Config is everything an agent needs to know, checked and complete. Each field names the key of the files that it comes from; those
// that a running agent takes over at a reload say so.
type Config struct {
	Server          bool              `key:"server"`
	Dev             bool              `key:"dev"`              // one member, nothing on disk that outlives it
	BootstrapExpect int               `key:"bootstrap_expect"` // 0 where this agent joins an existing cluster
	Datacenter      string            `key:"datacenter"`
	Domain          string            `key:"domain"`
	AltDomain       string            `key:"alt_domain"`
	NodeName        string            `key:"node_name"`
	NodeID          string            `key:"node_id"` // "" means: kept in data_dir, made at the first start
	NodeMeta        map[string]string `key:"node_meta"`
	DataDir         string            `key:"data_dir"`

	BindAddr      netip.Addr `key:"bind_addr"`      // what gossip and RPC listen on
	AdvertiseAddr netip.Addr `key:"advertise_addr"` // what the others are told
	SerfPort      int        `key:"ports.serf_lan"`
	ServerPort    int        `key:"ports.server"`
	HTTPAddrs     []string   `key:"addresses.http or ports.http"`   // "ip:port" or "unix:///path"; none where switched off
	HTTPSAddrs    []string   `key:"addresses.https or ports.https"` // "ip:port"; none where switched off, as by default
	DNSAddrs      []string   `key:"addresses.dns or ports.dns"`     // "ip:port"
	Sockets       Sockets    `key:"unix_sockets"`

	Join          []string      `key:"start_join"`
	RetryJoin     []string      `key:"retry_join"`
	RetryInterval time.Duration `key:"retry_interval"`
	RetryMax      int           `key:"retry_max"` // 0 means without end
	Encrypt       []byte        `key:"encrypt"`
	WAN           *WAN          `key:"ports.serf_wan"` // nil where this agent is in no pool between datacenters

	TLS *transport.TLS `key:"tls" reload:"true"` // with the certificates, as the files had them

	LogLevel string `key:"log_level" reload:"true"`
	LogJSON  bool   `key:"log_json"`
	LogFile  string `key:"log_file"`
	PIDFile  string `key:"pid_file"`

	LogRotateBytes    int64         `key:"log_rotate_bytes"`    // 0 means no bound
	LogRotateDuration time.Duration `key:"log_rotate_duration"` // 0 means no bound
	LogRotateMaxFiles int           `key:"log_rotate_max_files"`
	Syslog            bool          `key:"enable_syslog"`
	SyslogFacility    string        `key:"syslog_facility"`

	ScriptChecks         bool              `key:"enable_script_checks"`                     // from files and from the API
	LocalScriptChecks    bool              `key:"enable_local_script_checks" reload:"true"` // from files
	CheckUpdateInterval  time.Duration     `key:"check_update_interval"`
	CheckOutputMaxSize   int               `key:"check_output_max_size"`
	DiscardCheckOutput   bool              `key:"discard_check_output"`
	AutoReload           bool              `key:"auto_reload_config"`         // the files are read again when they change
	MetricsHost          string            `key:"telemetry.disable_hostname"` // "" where it is set: this machine's name in the names of gauges
	DisableCoordinates   bool              `key:"disable_coordinates"`        // this agent's coordinate is not written
	EnableDebug          bool              `key:"enable_debug"`               // /debug/pprof is answered
	SkipLeaveOnInterrupt bool              `key:"skip_leave_on_interrupt" reload:"true"`
	LeaveOnTerminate     bool              `key:"leave_on_terminate" reload:"true"`
	ReconnectTimeout     time.Duration     `key:"reconnect_timeout"`
	SessionTTLMin        time.Duration     `key:"session_ttl_min"`
	RaftMultiplier       int               `key:"performance.raft_multiplier"`
	RaftBackend          string            `key:"raft_logstore.backend"`   // "wal" or "boltdb", for a new data_dir
	SnapshotThreshold    int               `key:"raft_snapshot_threshold"` // this and the next two: 0 means the default
	SnapshotInterval     time.Duration     `key:"raft_snapshot_interval"`
	TrailingLogs         int               `key:"raft_trailing_logs"`
	HTTPMaxConns         int               `key:"limits.http_max_conns_per_client"`
	KVMaxValueSize       int               `key:"limits.kv_max_value_size"`
	ResponseHeaders      map[string]string `key:"http_config.response_headers"`
	BlockEndpoints       []string          `key:"http_config.block_endpoints"`       // beginnings of paths
	AllowWriteFrom       []netip.Prefix    `key:"http_config.allow_write_http_from"` // empty means everybody
	NoCache              bool              `key:"http_config.use_cache"`             // the parameter cached is not heard
	MaxHeaderBytes       int               `key:"http_config.max_header_bytes"`
	DefaultQueryTime     time.Duration     `key:"default_query_time"`
	MaxQueryTime         time.Duration     `key:"max_query_time"`
	DNS                  DNSSettings       `key:"dns_config" reload:"true"`
	Autopilot            cluster.Autopilot `key:"autopilot"`       // of a new cluster
	NoConnect            bool              `key:"connect.enabled"` // the CA's root is not answered
	CAClusterID          string            `key:"connect.ca_config.cluster_id"`
	LeaseTTL             time.Duration     `key:"failover.lease_ttl"`
	Witness              bool              `key:"failover.witness"` // it votes, and holds no groups
	Fence                string            `key:"failover.fence"`   // "auto", "tcx", "clsact", "nftables" or FenceExec
	Exec                 keeper.Commands   `key:"failover.exec"`

	Services  []Registration            `key:"services" reload:"true"`
	Checks    []cluster.CheckDefinition `key:"checks" reload:"true"` // of the node
	Groups    []cluster.Group           `key:"group" reload:"true"`
	Proxies   []upstream.Spec           `key:"proxy" reload:"true"`
	Databases []KeptDatabase            `key:"database"`
	Watches   []cluster.Watch           `key:"watches" reload:"true"`

	Templates []render.Template `key:"template" reload:"true"`
}

// WAN is the pool between datacenters.
type WAN struct {
	Bind             netip.Addr    `key:"serf_wan"`
	Port             int           `key:"ports.serf_wan"`
	Advertise        netip.Addr    `key:"advertise_addr_wan"`
	Join             []string      `key:"start_join_wan"`
	RetryJoin        []string      `key:"retry_join_wan"`
	RetryInterval    time.Duration `key:"retry_interval_wan"`
	RetryMax         int           `key:"retry_max_wan"` // 0 means without end
	ReconnectTimeout time.Duration `key:"reconnect_timeout_wan"`
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
	NodeMetaTXT    bool // add metadata of nodes where nobody asked for it
	MaxStale       time.Duration
	Uncompressed   bool
	SOARefresh     uint32
	SOARetry       uint32
	SOAExpire      uint32
	SOAMinTTL      uint32

	Zones []Zone // that are served beside the domain

	Recursors       []string // "ip:port"
	RecursorTimeout time.Duration
	RecursorRandom  bool
}

// Zone is a DNS zone whose records are in the key/value store.
type Zone struct {
	Name        string // "example.org."
	Prefix      string // of its keys
	TTL         time.Duration
	Secondaries []string // "ip:port"
}

// The defaults that are ports, names and times. They are Consul's, but for the lease.
const (
	defaultHTTPPort   = 8500
	defaultHTTPSPort  = -1
	defaultDNSPort    = 8600
	defaultSerfPort   = 8301
	defaultServerPort = 8300
	defaultWANPort    = 8302

	defaultDatacenter       = "dc1"
	defaultDomain           = "consul."
	defaultRetryInterval    = 30 * time.Second
	defaultReconnectTimeout = 72 * time.Hour
	minReconnectTimeout     = 8 * time.Hour
	minSnapshotInterval     = time.Second
	defaultLeaseTTL         = lease.DefaultTTL
	minLeaseTTL             = 200 * time.Millisecond
	maxLeaseTTL             = lease.MaxTTL
	defaultHTTPMaxConns     = 200
	defaultMaxHeader        = 64 << 10
	defaultLogRotate        = 24 * time.Hour
)
