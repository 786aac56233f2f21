package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/local"
	"holdfast/cmd/holdfast/config/source"
	"holdfast/cmd/holdfast/config/transport"
)

// Build fills in what the file leaves out and checks the whole. The error is one sentence that names the key.
func Build(f *File) (*Config, error) {
	c := &Config{
		Server:               or(f.Server, false),
		BootstrapExpect:      or(f.BootstrapExpect, 0),
		Datacenter:           strings.ToLower(or(f.Datacenter, defaultDatacenter)),
		Domain:               dnsDomain(or(f.Domain, defaultDomain)),
		AltDomain:            dnsDomain(or(f.AltDomain, "")),
		NodeID:               strings.ToLower(or(f.NodeID, "")),
		NodeMeta:             f.NodeMeta,
		DataDir:              or(f.DataDir, ""),
		Join:                 f.StartJoin,
		RetryJoin:            f.RetryJoin,
		RetryInterval:        or(f.RetryInterval, defaultRetryInterval),
		RetryMax:             or(f.RetryMax, 0),
		LogLevel:             strings.ToLower(or(f.LogLevel, "info")),
		LogJSON:              or(f.LogJSON, false),
		LogFile:              or(f.LogFile, ""),
		PIDFile:              or(f.PIDFile, ""),
		ScriptChecks:         or(f.EnableScriptChecks, false),
		LocalScriptChecks:    or(f.EnableLocalScriptChecks, false),
		CheckUpdateInterval:  max(or(f.CheckUpdateInterval, local.DefaultOutputInterval), time.Second),
		CheckOutputMaxSize:   or(f.CheckOutputMaxSize, cluster.DefaultOutputMaxSize),
		DiscardCheckOutput:   or(f.DiscardCheckOutput, false),
		AutoReload:           or(f.AutoReloadConfig, false),
		EnableDebug:          or(f.EnableDebug, false),
		DisableCoordinates:   or(f.DisableCoordinates, false),
		SkipLeaveOnInterrupt: or(f.SkipLeaveOnInterrupt, or(f.Server, false)),
		LeaveOnTerminate:     or(f.LeaveOnTerminate, !or(f.Server, false)),
		ReconnectTimeout:     or(f.ReconnectTimeout, defaultReconnectTimeout),
		SessionTTLMin:        or(f.SessionTTLMin, cluster.MinSessionTTL),
	}
	if !or(or(f.Telemetry, Telemetry{}).DisableHostname, false) {
		c.MetricsHost, _ = os.Hostname() // without one the names are shorter
	}
	if or(f.Bootstrap, false) {
		if c.BootstrapExpect > 1 {
			return nil, fmt.Errorf("bootstrap asks for a cluster of one and bootstrap_expect for %d servers: remove one of them", c.BootstrapExpect)
		}
		c.BootstrapExpect = 1
	}
	if c.ScriptChecks {
		c.LocalScriptChecks = true
	}
	for _, step := range []func(*Config, *File) error{buildNode, buildGroups, buildProxies, buildDatabases, buildAddresses, buildWAN, buildTLS, buildSockets, buildTuning, buildLog, buildHTTP, buildAutopilot, buildConnect, buildRegistrations, buildWatches, buildTemplates, validate} {
		if err := step(c, f); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// or is the value of p, or def where the source did not say.
func or[T any](p *T, def T) T { return source.Or(p, def) }

func dnsDomain(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(s, ".")) + "."
}

func buildNode(c *Config, f *File) error {
	c.NodeName = or(f.NodeName, "")
	if c.NodeName == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("node_name is not set and this machine has no host name: %w", err)
		}
		c.NodeName = host
	}
	if key := or(f.Encrypt, ""); key != "" {
		b, err := base64.StdEncoding.DecodeString(key)
		if err != nil || (len(b) != 16 && len(b) != 24 && len(b) != 32) {
			return errors.New("encrypt is not a gossip key: want 16, 24 or 32 bytes in base64, as `holdfast keygen` prints")
		}
		c.Encrypt = b
	}
	return nil
}

// buildTLS reads the certificates. Without one for HTTPS its port is left alone, as a port that cannot be used.
func buildTLS(c *Config, f *File) (err error) {
	if c.TLS, err = (transport.Keys{Older: f.Older, Block: f.TLS}).Load(c.Datacenter, strings.TrimSuffix(c.Domain, ".")); err != nil {
		return err
	}
	if or(f.EnableAgentTLSForChecks, false) {
		c.TLS.RPC.Checks = c.TLS.RPC.Client(or(f.ServerName, c.NodeName))
	}
	if c.TLS.HTTPS == nil && len(c.HTTPSAddrs) > 0 {
		c.TLS.Warnings = append(c.TLS.Warnings, "ports.https is set and nothing listens there: there is no certificate to show, set tls.https.cert_file and key_file")
		c.HTTPSAddrs = nil
	}
	return nil
}

func buildTuning(c *Config, f *File) error {
	p := or(f.Performance, Performance{})
	c.RaftMultiplier = or(p.RaftMultiplier, 1)
	c.RaftBackend = or(or(f.RaftLogStore, RaftLogStore{}).Backend, "wal")
	c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = or(f.SnapshotEntries, 0), or(f.SnapshotInterval, 0), or(f.TrailingLogs, 0)
	l := or(f.Limits, Limits{})
	c.HTTPMaxConns = or(l.HTTPMaxConnsPerClient, defaultHTTPMaxConns)
	c.KVMaxValueSize = or(l.KVMaxValueSize, cluster.MaxValueSize)
	o := or(f.Failover, Failover{})
	c.LeaseTTL, c.Witness = or(o.LeaseTTL, defaultLeaseTTL), or(o.Witness, false)
	buildFence(c, o)
	return dnsSettings(c, f)
}

var (
	nodeNameForm   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
	datacenterForm = regexp.MustCompile(`^[a-z0-9_-]+$`)
	nodeIDForm     = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	logLevels      = []string{"trace", "debug", "info", "warn", "error", "err"}
	raftBackends   = []string{"wal", "boltdb"}
	fences         = []string{"auto", "tcx", "clsact", "nftables", FenceExec}
)

// validate checks what has no better place, one sentence a key.
func validate(c *Config, _ *File) error {
	rules := []struct {
		ok   bool
		text string
	}{
		{nodeNameForm.MatchString(c.NodeName), fmt.Sprintf("node_name %q is not usable: want letters, digits, dashes, dots and underscores, at most 128", c.NodeName)},
		{datacenterForm.MatchString(c.Datacenter), fmt.Sprintf("datacenter %q is not usable: want letters, digits, dashes and underscores", c.Datacenter)},
		{c.NodeID == "" || nodeIDForm.MatchString(c.NodeID), fmt.Sprintf("node_id %q is not a UUID", c.NodeID)},
		{c.BootstrapExpect >= 0, "bootstrap_expect cannot be negative"},
		{c.BootstrapExpect == 0 || c.Server, "bootstrap_expect is given but server is not: set server = true or remove bootstrap_expect"},
		{slices.Contains(logLevels, c.LogLevel), fmt.Sprintf("log_level %q is not known: want trace, debug, info, warn or error", c.LogLevel)},
		{c.RetryInterval > 0, "retry_interval must be above 0"},
		{c.ReconnectTimeout >= minReconnectTimeout, fmt.Sprintf("reconnect_timeout %s is too short: want at least %s", c.ReconnectTimeout, minReconnectTimeout)},
		{c.SessionTTLMin > 0 && c.SessionTTLMin <= cluster.MaxSessionTTL, fmt.Sprintf("session_ttl_min %s is not usable: want above 0 and at most %s", c.SessionTTLMin, cluster.MaxSessionTTL)},
		{c.RaftMultiplier >= 1 && c.RaftMultiplier <= 10, fmt.Sprintf("performance.raft_multiplier %d is not usable: want 1 to 10", c.RaftMultiplier)},
		{slices.Contains(raftBackends, c.RaftBackend), fmt.Sprintf("raft_logstore.backend %q is not known: want wal or boltdb", c.RaftBackend)},
		{c.SnapshotThreshold >= 0 && c.TrailingLogs >= 0, fmt.Sprintf("raft_snapshot_threshold %d and raft_trailing_logs %d cannot be negative: leave them out for the defaults", c.SnapshotThreshold, c.TrailingLogs)},
		{c.SnapshotInterval == 0 || c.SnapshotInterval >= minSnapshotInterval, fmt.Sprintf("raft_snapshot_interval %s is too short: want at least %s", c.SnapshotInterval, minSnapshotInterval)},
		{c.LeaseTTL >= minLeaseTTL && c.LeaseTTL <= maxLeaseTTL, fmt.Sprintf("failover.lease_ttl %s is not usable: want %s to %s", c.LeaseTTL, minLeaseTTL, maxLeaseTTL)},
		{slices.Contains(fences, c.Fence), fmt.Sprintf("failover.fence %q is not known: want auto, tcx, clsact, nftables or exec", c.Fence)},
		{c.CheckOutputMaxSize > 0, "check_output_max_size must be above 0"},
		{c.KVMaxValueSize > 0, "limits.kv_max_value_size must be above 0"},
		{c.DNS.NodeTTL >= 0 && c.DNS.UDPAnswerLimit >= 0 && c.DNS.ARecordLimit >= 0, "dns_config: node_ttl, udp_answer_limit and a_record_limit cannot be negative"},
		{c.DNS.MaxStale >= 0 && c.DNS.RecursorTimeout > 0, "dns_config: max_stale cannot be negative, and recursor_timeout must be above 0"},
	}
	for _, r := range rules {
		if !r.ok {
			return cluster.Errorf(cluster.Invalid, "%s", r.text)
		}
	}
	return nil
}

// RequireDataDir says what is wrong where an agent that keeps its state has no place for it.
func (c *Config) RequireDataDir() error {
	if c.DataDir == "" && !c.Dev {
		return cluster.Errorf(cluster.Invalid, "data_dir is not set: give data_dir in a config file, or -data-dir")
	}
	return nil
}

// port is the wanted port, def where none is given; a negative one means off.
func port(key string, p *int, def int) (int, error) {
	n := or(p, def)
	if n > 65535 {
		return 0, fmt.Errorf("ports.%s is %d: want 0 to 65535, or -1 for off", key, n)
	}
	return n, nil
}
