package config

import (
	"time"

	"holdfast/cmd/holdfast/config/template"
	"holdfast/cmd/holdfast/config/transport"
)

// File is what one source says. Absent keys are nil, so that a later source replaces only what it names.
type File struct {
	Server          *bool             `mapstructure:"server"`
	Bootstrap       *bool             `mapstructure:"bootstrap"`
	BootstrapExpect *int              `mapstructure:"bootstrap_expect"`
	Datacenter      *string           `mapstructure:"datacenter"`
	Domain          *string           `mapstructure:"domain"`
	AltDomain       *string           `mapstructure:"alt_domain"`
	NodeName        *string           `mapstructure:"node_name"`
	NodeID          *string           `mapstructure:"node_id"`
	NodeMeta        map[string]string `mapstructure:"node_meta"`
	DataDir         *string           `mapstructure:"data_dir"`

	BindAddr      *string    `mapstructure:"bind_addr"`
	AdvertiseAddr *string    `mapstructure:"advertise_addr"`
	ClientAddr    *string    `mapstructure:"client_addr"`
	Addresses     *Addresses `mapstructure:"addresses"`
	Ports         *Ports     `mapstructure:"ports"`

	TLS             *transport.Block `mapstructure:"tls"`
	transport.Older `mapstructure:",squash"`

	EnableAgentTLSForChecks *bool   `mapstructure:"enable_agent_tls_for_checks"`
	ServerName              *string `mapstructure:"server_name"`

	UnixSockets *UnixSockets `mapstructure:"unix_sockets"`

	StartJoin     []string       `mapstructure:"start_join"`
	RetryJoin     []string       `mapstructure:"retry_join"`
	RetryInterval *time.Duration `mapstructure:"retry_interval"`
	RetryMax      *int           `mapstructure:"retry_max"`
	Encrypt       *string        `mapstructure:"encrypt"`

	SerfWAN             *string        `mapstructure:"serf_wan"`
	AdvertiseAddrWAN    *string        `mapstructure:"advertise_addr_wan"`
	StartJoinWAN        []string       `mapstructure:"start_join_wan"`
	RetryJoinWAN        []string       `mapstructure:"retry_join_wan"`
	RetryIntervalWAN    *time.Duration `mapstructure:"retry_interval_wan"`
	RetryMaxWAN         *int           `mapstructure:"retry_max_wan"`
	ReconnectTimeoutWAN *time.Duration `mapstructure:"reconnect_timeout_wan"`

	LogLevel *string `mapstructure:"log_level"`
	LogJSON  *bool   `mapstructure:"log_json"`
	LogFile  *string `mapstructure:"log_file"`
	PIDFile  *string `mapstructure:"pid_file"`

	LogRotateBytes    *int64         `mapstructure:"log_rotate_bytes"`
	LogRotateDuration *time.Duration `mapstructure:"log_rotate_duration"`
	LogRotateMaxFiles *int           `mapstructure:"log_rotate_max_files"`
	EnableSyslog      *bool          `mapstructure:"enable_syslog"`
	SyslogFacility    *string        `mapstructure:"syslog_facility"`

	DefaultQueryTime *time.Duration `mapstructure:"default_query_time"`
	MaxQueryTime     *time.Duration `mapstructure:"max_query_time"`

	EnableScriptChecks      *bool          `mapstructure:"enable_script_checks"`
	EnableLocalScriptChecks *bool          `mapstructure:"enable_local_script_checks"`
	CheckUpdateInterval     *time.Duration `mapstructure:"check_update_interval"`
	CheckOutputMaxSize      *int           `mapstructure:"check_output_max_size"`
	DiscardCheckOutput      *bool          `mapstructure:"discard_check_output"`
	AutoReloadConfig        *bool          `mapstructure:"auto_reload_config"`
	Telemetry               *Telemetry     `mapstructure:"telemetry"`
	EnableDebug             *bool          `mapstructure:"enable_debug"`
	DisableCoordinates      *bool          `mapstructure:"disable_coordinates"`
	SkipLeaveOnInterrupt    *bool          `mapstructure:"skip_leave_on_interrupt"`
	LeaveOnTerminate        *bool          `mapstructure:"leave_on_terminate"`

	ReconnectTimeout *time.Duration        `mapstructure:"reconnect_timeout"`
	SessionTTLMin    *time.Duration        `mapstructure:"session_ttl_min"`
	Performance      *Performance          `mapstructure:"performance"`
	RaftLogStore     *RaftLogStore         `mapstructure:"raft_logstore"`
	SnapshotEntries  *int                  `mapstructure:"raft_snapshot_threshold"`
	SnapshotInterval *time.Duration        `mapstructure:"raft_snapshot_interval"`
	TrailingLogs     *int                  `mapstructure:"raft_trailing_logs"`
	Autopilot        *Autopilot            `mapstructure:"autopilot"`
	Connect          *any                  `mapstructure:"connect"` // of a mesh, as it came: the root of the CA needs little of it
	DNSConfig        *DNS                  `mapstructure:"dns_config"`
	Zone             map[string]*ZoneBlock `mapstructure:"zone"`
	Recursors        []string              `mapstructure:"recursors"`
	Recursor         *string               `mapstructure:"recursor"` // the older form of one
	Limits           *Limits               `mapstructure:"limits"`
	HTTPConfig       *HTTP                 `mapstructure:"http_config"`
	Failover         *Failover             `mapstructure:"failover"`

	Service  []Service               `mapstructure:"service"`
	Services []Service               `mapstructure:"services"`
	Check    []Check                 `mapstructure:"check"`
	Checks   []Check                 `mapstructure:"checks"`
	Group    map[string]Group        `mapstructure:"group"`
	Proxy    map[string]Proxy        `mapstructure:"proxy"`
	Database map[string]DatabaseRole `mapstructure:"database"`
	Watches  []Watch                 `mapstructure:"watches"`
	Template []template.Block        `mapstructure:"template"`
}

// Addresses are the addresses that the surfaces listen on; each falls back to client_addr.
type Addresses struct {
	HTTP  *string `mapstructure:"http"`
	HTTPS *string `mapstructure:"https"`
	DNS   *string `mapstructure:"dns"`
}

// UnixSockets says whose the sockets of addresses.http are, and who may use them.
type UnixSockets struct {
	User  *string `mapstructure:"user"`  // name or number
	Group *string `mapstructure:"group"` // name or number
	Mode  *string `mapstructure:"mode"`  // octal, as "0770"
}

// Ports are the ports; -1 switches a surface off.
type Ports struct {
	HTTP    *int `mapstructure:"http"`
	HTTPS   *int `mapstructure:"https"`
	DNS     *int `mapstructure:"dns"`
	SerfLAN *int `mapstructure:"serf_lan"`
	SerfWAN *int `mapstructure:"serf_wan"`
	Server  *int `mapstructure:"server"`
}

// Performance tunes the speed of elections.
type Performance struct {
	RaftMultiplier *int `mapstructure:"raft_multiplier"`
}

// RaftLogStore says how a new data_dir keeps the log.
type RaftLogStore struct {
	Backend *string `mapstructure:"backend"`
}

// Autopilot says how the leader of a new cluster looks after the servers; later the API does.
type Autopilot struct {
	CleanupDeadServers      *bool          `mapstructure:"cleanup_dead_servers"`
	LastContactThreshold    *time.Duration `mapstructure:"last_contact_threshold"`
	MaxTrailingLogs         *uint64        `mapstructure:"max_trailing_logs"`
	MinQuorum               *uint64        `mapstructure:"min_quorum"`
	ServerStabilizationTime *time.Duration `mapstructure:"server_stabilization_time"`
	RedundancyZoneTag       *string        `mapstructure:"redundancy_zone_tag"`
	DisableUpgradeMigration *bool          `mapstructure:"disable_upgrade_migration"`
	UpgradeVersionTag       *string        `mapstructure:"upgrade_version_tag"`
}

// DNS is Consul's dns_config, as far as the DNS surface has it.
type DNS struct {
	NodeTTL     *time.Duration           `mapstructure:"node_ttl"`
	ServiceTTL  map[string]time.Duration `mapstructure:"service_ttl"`
	AllowStale  *bool                    `mapstructure:"allow_stale"`
	OnlyPassing *bool                    `mapstructure:"only_passing"`
	UDPLimit    *int                     `mapstructure:"udp_answer_limit"`
	ARecord     *int                     `mapstructure:"a_record_limit"`
	Truncate    *bool                    `mapstructure:"enable_truncate"`
	NodeMetaTXT *bool                    `mapstructure:"enable_additional_node_meta_txt"`
	SOA         *SOA                     `mapstructure:"soa"`

	MaxStale           *time.Duration `mapstructure:"max_stale"`
	DisableCompression *bool          `mapstructure:"disable_compression"`
	RecursorTimeout    *time.Duration `mapstructure:"recursor_timeout"`
	RecursorStrategy   *string        `mapstructure:"recursor_strategy"`
}

// SOA holds the timers of the domain's SOA record, in seconds.
type SOA struct {
	Refresh *uint32 `mapstructure:"refresh"`
	Retry   *uint32 `mapstructure:"retry"`
	Expire  *uint32 `mapstructure:"expire"`
	MinTTL  *uint32 `mapstructure:"min_ttl"`
}

// Limits bounds what clients may use of the agent.
type Limits struct {
	HTTPMaxConnsPerClient *int `mapstructure:"http_max_conns_per_client"`
	KVMaxValueSize        *int `mapstructure:"kv_max_value_size"`
}

// Telemetry is Consul's telemetry, as far as it is heard.
type Telemetry struct {
	DisableHostname *bool `mapstructure:"disable_hostname"`
}

// HTTP is Consul's http_config.
type HTTP struct {
	ResponseHeaders    map[string]string `mapstructure:"response_headers"`
	BlockEndpoints     []string          `mapstructure:"block_endpoints"`
	AllowWriteHTTPFrom []string          `mapstructure:"allow_write_http_from"`
	UseCache           *bool             `mapstructure:"use_cache"`
	MaxHeaderBytes     *int              `mapstructure:"max_header_bytes"`
}

// Failover tunes the lease and the fence. Every machine of a cluster must have the same lease_ttl.
type Failover struct {
	LeaseTTL *time.Duration `mapstructure:"lease_ttl"`
	Witness  *bool          `mapstructure:"witness"`
	Fence    *string        `mapstructure:"fence"`
	Exec     *Exec          `mapstructure:"exec"`
}

// Exec are the commands of the exec driver, each as its words. What is not given is the system's own.
type Exec struct {
	Add      []string `mapstructure:"add"`
	Remove   []string `mapstructure:"remove"`
	Announce []string `mapstructure:"announce"`
	Probe    []string `mapstructure:"probe"`
}

// Service is a service block.
type Service struct {
	ID                string                    `mapstructure:"id"`
	Name              string                    `mapstructure:"name"`
	Kind              string                    `mapstructure:"kind"`
	Tags              []string                  `mapstructure:"tags"`
	Address           string                    `mapstructure:"address"`
	TaggedAddresses   map[string]ServiceAddress `mapstructure:"tagged_addresses"`
	Port              int                       `mapstructure:"port"`
	SocketPath        string                    `mapstructure:"socket_path"`
	Meta              map[string]string         `mapstructure:"meta"`
	Weights           *Weights                  `mapstructure:"weights"`
	EnableTagOverride bool                      `mapstructure:"enable_tag_override"`
	Locality          Locality                  `mapstructure:"locality"`
	Token             string                    `mapstructure:"token"`
	Check             []Check                   `mapstructure:"check"`
	Checks            []Check                   `mapstructure:"checks"`
}

// Locality is the locality of a service block.
type Locality struct {
	Region string `mapstructure:"region"`
	Zone   string `mapstructure:"zone"`
}

// ServiceAddress is one entry of tagged_addresses.
type ServiceAddress struct {
	Address string `mapstructure:"address"`
	Port    int    `mapstructure:"port"`
}

// Weights are the DNS weights of a service block.
type Weights struct {
	Passing *int `mapstructure:"passing"`
	Warning *int `mapstructure:"warning"`
}

// Check is a check block.
type Check struct {
	ID        string        `mapstructure:"id"`
	Name      string        `mapstructure:"name"`
	Notes     string        `mapstructure:"notes"`
	ServiceID string        `mapstructure:"service_id"`
	Token     string        `mapstructure:"token"`
	Status    string        `mapstructure:"status"`
	Args      []string      `mapstructure:"args"`
	ScriptArg []string      `mapstructure:"script_args"` // an older name of args
	HTTP      string        `mapstructure:"http"`
	TCP       string        `mapstructure:"tcp"`
	UDP       string        `mapstructure:"udp"`
	GRPC      string        `mapstructure:"grpc"`
	H2Ping    string        `mapstructure:"h2ping"`
	TTL       time.Duration `mapstructure:"ttl"`
	Process   *Process      `mapstructure:"process"`
	Ping      string        `mapstructure:"ping"`
	DNS       *DNSCheck     `mapstructure:"dns"`
	MySQL     *Database     `mapstructure:"mysql"`
	Postgres  *Database     `mapstructure:"postgres"`
	OSService string        `mapstructure:"os_service"`

	AliasNode    string `mapstructure:"alias_node"`
	AliasService string `mapstructure:"alias_service"`
	Container    string `mapstructure:"docker_container_id"` // that args run in
	Shell        string `mapstructure:"shell"`

	Interval         time.Duration       `mapstructure:"interval"`
	Timeout          time.Duration       `mapstructure:"timeout"`
	Method           string              `mapstructure:"method"`
	Header           map[string][]string `mapstructure:"header"`
	Body             string              `mapstructure:"body"`
	TLSServerName    string              `mapstructure:"tls_server_name"`
	TLSSkipVerify    bool                `mapstructure:"tls_skip_verify"`
	TCPUseTLS        bool                `mapstructure:"tcp_use_tls"`
	GRPCUseTLS       bool                `mapstructure:"grpc_use_tls"`
	H2PingUseTLS     *bool               `mapstructure:"h2ping_use_tls"`
	DisableRedirects bool                `mapstructure:"disable_redirects"`

	SuccessBeforePassing           int           `mapstructure:"success_before_passing"`
	FailuresBeforeWarning          int           `mapstructure:"failures_before_warning"`
	FailuresBeforeCritical         int           `mapstructure:"failures_before_critical"`
	DeregisterCriticalServiceAfter time.Duration `mapstructure:"deregister_critical_service_after"`
	OutputMaxSize                  int           `mapstructure:"output_max_size"`
}

// Process is the process block of a check.
type Process struct {
	PIDFile string `mapstructure:"pid_file"`
	Command string `mapstructure:"command"`
	Unit    string `mapstructure:"unit"`
}

// DNSCheck is the dns block of a check.
type DNSCheck struct {
	Server string   `mapstructure:"server"`
	Name   string   `mapstructure:"name"`
	Type   string   `mapstructure:"type"`
	Expect []string `mapstructure:"expect"`
}

// Database is the mysql or the postgres block of a check.
type Database struct {
	Address      string        `mapstructure:"address"`
	User         string        `mapstructure:"user"`
	Password     string        `mapstructure:"password"`
	PasswordFile string        `mapstructure:"password_file"`
	Database     string        `mapstructure:"database"`
	UseTLS       bool          `mapstructure:"use_tls"`
	Role         string        `mapstructure:"role"`
	MaxLag       time.Duration `mapstructure:"max_lag"`
}

// ZoneBlock is a zone block; its label is the name.
type ZoneBlock struct {
	Prefix      string        `mapstructure:"prefix"`
	TTL         time.Duration `mapstructure:"ttl"`
	Secondaries []string      `mapstructure:"secondaries"`
}

// Group is a group block; its label is the name.
type Group struct {
	VIP       map[string]VIP `mapstructure:"vip"`
	Service   string         `mapstructure:"service"`
	Prefer    []string       `mapstructure:"prefer"`
	Preempt   bool           `mapstructure:"preempt"`
	OnAcquire []Hook         `mapstructure:"on_acquire"`
	OnRelease []Hook         `mapstructure:"on_release"`

	PreemptDelay time.Duration         `mapstructure:"preempt_delay"`
	HoldDown     *time.Duration        `mapstructure:"hold_down"`
	ApartFrom    []string              `mapstructure:"apart_from"`
	TogetherWith []string              `mapstructure:"together_with"`
	Weight       int                   `mapstructure:"weight"`
	OnQuorumLoss string                `mapstructure:"on_quorum_loss"`
	OnConflict   string                `mapstructure:"on_conflict"`
	Sysctl       map[string]string     `mapstructure:"sysctl"`
	Run          []Run                 `mapstructure:"run"`
	Route        map[string]Route      `mapstructure:"route"`
	Masquerade   map[string]Masquerade `mapstructure:"masquerade"`
	Verify       []Verify              `mapstructure:"verify"`
	Conntrack    string                `mapstructure:"conntrack"`
}

// VIP is a vip block; its label is the address with the prefix length.
type VIP struct {
	Interface string `mapstructure:"interface"`
	Source    bool   `mapstructure:"source"`
}

// Run is a run block.
type Run struct {
	Unit    string        `mapstructure:"unit"`
	Start   []string      `mapstructure:"start"`
	Stop    []string      `mapstructure:"stop"`
	Timeout time.Duration `mapstructure:"timeout"`
}

// Route is a route block; its label is the destination, unless to names it.
type Route struct {
	To     string `mapstructure:"to"`
	Via    string `mapstructure:"via"`
	Dev    string `mapstructure:"dev"`
	Table  int    `mapstructure:"table"`
	Metric int    `mapstructure:"metric"`
	Src    string `mapstructure:"src"`
}

// Masquerade is a masquerade block; its label is the network whose packets it rewrites, unless from names it.
type Masquerade struct {
	From string `mapstructure:"from"`
	Dev  string `mapstructure:"dev"`
	To   string `mapstructure:"to"`
}

// Verify is a verify block.
type Verify struct {
	Args    []string      `mapstructure:"args"`
	TCP     string        `mapstructure:"tcp"`
	HTTP    string        `mapstructure:"http"`
	Timeout time.Duration `mapstructure:"timeout"`
	Within  time.Duration `mapstructure:"within"`
}

// Hook is an on_acquire or on_release block.
type Hook struct {
	Args    []string      `mapstructure:"args"`
	Timeout time.Duration `mapstructure:"timeout"`
}
