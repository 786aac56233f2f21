package leftout

import (
	"fmt"
	"slices"
	"strings"
)

// What a key of Consul's asks for that Holdfast does not do, as the warning says it.
const (
	noACL       = "there are no access rules yet: whoever reaches the API may do everything"
	noIssuing   = "no agent hands out certificates: give each a cert_file and a key_file"
	noMesh      = "there is no service mesh"
	noPeering   = "there is no cluster peering"
	noGRPC      = "nothing is served over gRPC"
	noPartition = "there are no namespaces and partitions"
	noUI        = "there is no web interface yet"
	noMetrics   = "metrics are answered at /v1/agent/metrics and sent nowhere"
	noFilter    = "metrics have the names that they have, and all are shown"
	noLimit     = "there is no such limit: limits.http_max_conns_per_client bounds the connections of a client, and limits.kv_max_value_size each value"
	noRate      = "what an agent asks the servers is not limited: it answers reads itself, and shares what it asks the leader; limits.http_max_conns_per_client bounds the connections of a client"
	noTuning    = "it cannot be tuned yet, the default stays"
	noExec      = "no agent runs commands that come over the network: use ssh, or a check or watch of the config"
	oneWAN      = "a server is told one address between datacenters: set advertise_addr_wan"
	oneBind     = "gossip listens on bind_addr, like all traffic between members"
)

// Keys are those of Consul's keys that Holdfast leaves out or has not yet. They are accepted, so that a Consul file works as it is, with a
// warning where they ask for what does not happen. A key without a reason needs no warning: nothing is lost without it. A key inside of a
// block stands behind a dot, whether the block is one of a list or not.
var Keys = map[string]string{
	"acl": noACL, "acl_datacenter": "", "acl_default_policy": noACL, "acl_down_policy": "", "acl_ttl": "", "acl_token": noACL,
	"acl_master_token": noACL, "acl_agent_token": noACL, "acl_agent_master_token": noACL, "acl_replication_token": noACL,
	"acl_enable_key_list_policy": noACL, "enable_acl_replication": noACL,

	"tls.grpc": "", "tls_prefer_server_cipher_suites": "", "auto_encrypt": noIssuing, "auto_config": noIssuing,

	"connect": noMesh, "config_entries": noMesh, "enable_central_service_config": "", "default_intention_policy": noMesh,
	"primary_gateways": noMesh, "primary_gateways_interval": "", "service.connect": noMesh, "service.proxy": noMesh,
	"ports.proxy_min_port": "", "ports.proxy_max_port": "", "ports.sidecar_min_port": "", "ports.sidecar_max_port": "",
	"ports.expose_min_port": "", "ports.expose_max_port": "",

	"peering": noPeering, "rpc": "", "use_streaming_backend": "", "xds": noMesh, "ports.grpc": noGRPC, "ports.grpc_tls": noGRPC, "addresses.grpc": noGRPC,
	"addresses.grpc_tls": noGRPC, "performance.grpc_keepalive_interval": "", "performance.grpc_keepalive_timeout": "",

	"advertise_addr_wan_ipv4": oneWAN, "advertise_addr_wan_ipv6": oneWAN, "gossip_wan": noTuning, "primary_datacenter": "",
	"translate_wan_addrs":    "every datacenter is answered the addresses that are registered",
	"serf_allowed_cidrs_wan": "gossip takes members from every address: set encrypt to keep strangers out",

	"partition": noPartition, "segment": noPartition, "segments": noPartition, "service.namespace": noPartition, "service.partition": noPartition,
	"check.namespace": noPartition, "check.partition": noPartition, "dns_config.prefer_namespace": "",
	"locality": "", "license_path": "", "audit": "there is no audit log", "reporting": "", "cloud": "nothing is reported to a cloud",
	"experiments": "", "version": "", "version_prerelease": "", "version_metadata": "", "build_date": "", "revision": "",

	"ui": noUI, "ui_config": noUI, "ui_dir": noUI, "ui_content_path": noUI,
	"telemetry.prometheus_retention_time": "", "telemetry.retry_failed_connection": "", "telemetry.enable_host_metrics": "",
	"telemetry.disable_per_tenancy_usage_metrics": "", "telemetry.filter_default": "", "telemetry.prefix_filter": noFilter, "telemetry.metrics_prefix": noFilter,
	"telemetry.statsd_address": noMetrics, "telemetry.statsite_address": noMetrics, "telemetry.dogstatsd_addr": noMetrics, "telemetry.dogstatsd_tags": noMetrics,
	"telemetry.circonus_api_app": noMetrics, "telemetry.circonus_api_token": noMetrics, "telemetry.circonus_api_url": noMetrics,
	"telemetry.circonus_broker_id": noMetrics, "telemetry.circonus_broker_select_tag": noMetrics, "telemetry.circonus_check_display_name": noMetrics,
	"telemetry.circonus_check_force_metric_activation": noMetrics, "telemetry.circonus_check_id": noMetrics, "telemetry.circonus_check_instance_id": noMetrics,
	"telemetry.circonus_check_search_tag": noMetrics, "telemetry.circonus_check_tags": noMetrics, "telemetry.circonus_submission_interval": noMetrics,
	"telemetry.circonus_submission_url": noMetrics,

	"limits.rpc_rate": noRate, "limits.rpc_max_burst": noRate, "limits.rpc_max_conns_per_client": noLimit, "limits.rpc_handshake_timeout": "",
	"limits.https_handshake_timeout": "", "limits.rpc_client_timeout": noTuning, "limits.request_limits": noLimit, "limits.txn_max_req_len": "a transaction has at most 128 operations, and each value is bounded by limits.kv_max_value_size",
	"dns_config.use_cache": "", "dns_config.cache_max_age": "",

	"serf_lan": oneBind, "serf_allowed_cidrs_lan": "gossip takes members from every address: set encrypt to keep strangers out",
	"advertise_addr_ipv4": "a member is told one address: set advertise_addr", "advertise_addr_ipv6": "a member is told one address: set advertise_addr",
	"gossip_lan": noTuning, "encrypt_verify_incoming": "with encrypt, gossip in plain text is always refused",
	"encrypt_verify_outgoing": "with encrypt, gossip is always encrypted", "advertise_reconnect_timeout": noTuning, "disable_keyring_file": "",
	"rejoin_after_leave": "", "server_rejoin_age_max": "",

	"raft_protocol": "", "protocol": "",
	"raft_prevote_disabled": "pre-vote is always on", "raft_boltdb": noTuning, "raft_logstore.wal": noTuning, "raft_logstore.boltdb": "",
	"raft_logstore.disable_log_cache": noTuning, "raft_logstore.verification": noTuning,
	"performance.leave_drain_time": "", "performance.rpc_hold_timeout": noTuning,

	"discovery_max_stale": noTuning, "cache": "",
	"disable_update_check": "", "disable_anonymous_signature": "", "disable_remote_exec": noExec, "disable_host_node_id": "",
	"disable_http_unprintable_char_filter": "",
}

// Refused lists Consul's keys that cannot be passed over: without what they ask for the agent would do the wrong thing.
var Refused = map[string]string{
	"check.script": "give the program and its arguments as args",
	"read_replica": everyVotes, "non_voting_server": everyVotes,
}

const (
	everyVotes = "every server votes: leave server = true out for a member that does not"
)

// Asks reports whether a key's value asks for something. By default that is every value that is not false, zero, negative or empty.
func Asks(key string, v any) bool {
	switch key {
	case "acl":
		return anyBlock(v, func(b map[string]any) bool { return On(b["enabled"]) })
	case "connect", "peering", "audit", "cloud", "ui_config", "auto_config":
		return anyBlock(v, func(b map[string]any) bool { return len(b) > 0 && (b["enabled"] == nil || On(b["enabled"])) })
	case "acl_default_policy":
		return v != "allow"
	case "encrypt_verify_incoming", "encrypt_verify_outgoing", "disable_remote_exec":
		return !On(v)
	case "partition", "namespace", "service.partition", "service.namespace", "check.partition", "check.namespace":
		return v != "default" && On(v)
	}
	return On(v)
}

func anyBlock(v any, asks func(map[string]any) bool) bool {
	switch v := v.(type) {
	case map[string]any:
		return asks(v)
	case []map[string]any:
		return slices.ContainsFunc(v, asks)
	}
	return On(v)
}

// On reports whether there is anything in a value that is not false, zero, negative or empty.
func On(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != "" && v != "false" && v != "0" && v != "-1"
	case int:
		return v > 0
	case float64:
		return v > 0
	case map[string]any:
		for _, e := range v {
			if On(e) {
				return true
			}
		}
		return false
	case []map[string]any:
		return slices.ContainsFunc(v, func(e map[string]any) bool { return On(e) })
	case []any:
		return slices.ContainsFunc(v, On)
	}
	return true
}

// Judge says what becomes of the keys that no field took: a warning each, or an error that names the first that cannot be passed over.
func Judge(source string, raw map[string]any, keys []string) (warnings []string, err error) {
	slices.Sort(keys)
	for _, k := range keys {
		name, v := bare(k), At(raw, k)
		if why, ok := Refused[name]; ok {
			if On(v) {
				return nil, fmt.Errorf("%s: %s: %s", source, k, why)
			}
			continue
		}
		why, ok := Keys[name]
		if !ok {
			return nil, fmt.Errorf("%s: unknown key %q; remove it or correct its spelling", source, k)
		}
		if why != "" && Asks(name, v) {
			warnings = append(warnings, fmt.Sprintf("%s: the key %q has no effect: %s", source, k, why))
		}
	}
	return warnings, nil
}

// bare is the name of a key in the tables: "services[0].checks[1].grpc" is check.grpc.
func bare(path string) string {
	var words []string
	for _, w := range steps(path) {
		name := strings.ToLower(w.name)
		switch {
		case w.index:
			continue
		case name == "services":
			name = "service"
		case name == "check" || name == "checks":
			name, words = "check", nil // a check is the same in a service and alone
		}
		words = append(words, name)
	}
	return strings.Join(words, ".")
}

// step is one part of a path: a key, or what stands in brackets.
type step struct {
	name  string
	index bool
}

// steps takes a path apart: "group[g].vip[10.0.0.1/24].x" has five.
func steps(path string) []step {
	var out []step
	for path != "" {
		if rest, ok := strings.CutPrefix(path, "["); ok {
			name, after, _ := strings.Cut(rest, "]")
			out, path = append(out, step{name, true}), strings.TrimPrefix(after, ".")
			continue
		}
		n := strings.IndexAny(path, ".[")
		if n < 0 {
			n = len(path)
		}
		out, path = append(out, step{path[:n], false}), strings.TrimPrefix(path[n:], ".")
	}
	return out
}

// At is the value at a path, nil if there is none.
func At(v any, path string) any {
	for _, s := range steps(path) {
		v = s.in(v)
	}
	return v
}

// in is what a step leads to. HCL has a list of blocks wherever there may be several: a key is in one of them.
func (s step) in(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if SameKey(k, s.name) {
				return e
			}
		}
		if s.index && s.name == "0" {
			return v // one block where there may be several
		}
	case []any:
		if n, ok := s.number(len(v)); ok {
			return v[n]
		}
	case []map[string]any:
		if n, ok := s.number(len(v)); ok {
			return v[n]
		}
		for _, b := range v {
			if e := s.in(b); e != nil {
				return e
			}
		}
	}
	return nil
}

func (s step) number(n int) (i int, ok bool) {
	_, err := fmt.Sscanf(s.name, "%d", &i)
	return i, s.index && err == nil && i >= 0 && i < n
}

// SameKey reports whether two keys are one: service_id, ServiceID and serviceid are, as in files that were written for the API.
func SameKey(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, "_", ""), strings.ReplaceAll(b, "_", ""))
}
