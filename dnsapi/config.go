package dnsapi

import (
	"strings"
	"time"

	"holdfast/cluster/prepared"
	"holdfast/dnsapi/zone"
)

// Config is what the answers depend on beside the state.
type Config struct {
	Domain         string // "consul."
	AltDomain      string // a second domain with the same content, "" for none
	Datacenter     string
	Node           string // this agent's: what prepared queries near _agent are near to
	NodeTTL        time.Duration
	ServiceTTL     map[string]time.Duration // by service name, by prefix as "web*", and "*" for the others
	OnlyPassing    bool                     // leave out instances whose checks warn
	AllowStale     bool                     // answer from this member's state without asking the leader
	UDPAnswerLimit int                      // answers in a UDP message to a client without EDNS0, 0 for no limit
	ARecordLimit   int                      // address records in a message, 0 for no limit
	Truncate       bool                     // set TC where answers were left out of a UDP message
	NodeMetaTXT    bool                     // add the metadata of nodes to answers that lead to them, where there is room

	MaxStale           time.Duration // with AllowStale: ask the leader all the same once it has been silent for longer; 0 for never
	DisableCompression bool          // write names out in full

	Zones []zone.Config // that we are authoritative for beside the domains

	Recursors       []string      // "ip:port" of the servers that are asked about names outside of our domains; none: these are REFUSED
	RecursorTimeout time.Duration // for one of them; 0 means 2 s
	RecursorRandom  bool          // ask them in random order, rather than in that of the list

	SOARefresh, SOARetry, SOAExpire, SOAMinTTL uint32 // seconds

	Abroad prepared.Abroad // the other datacenters; nil where there is no way to any

	Metrics *Metrics // what measures the answers; nil for nothing
}

// canonical is the config with its names in the one form that questions are compared with.
func (c Config) canonical() *Config {
	c.Domain, c.AltDomain, c.Datacenter = canonicalDomain(c.Domain), canonicalDomain(c.AltDomain), strings.ToLower(c.Datacenter)
	ttls := make(map[string]time.Duration, len(c.ServiceTTL))
	for name, d := range c.ServiceTTL {
		ttls[strings.ToLower(name)] = d
	}
	c.ServiceTTL = ttls
	return &c
}

func canonicalDomain(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(s, ".")) + "."
}

// domain is the longest domain of ours that a lower-case name lies in, "" for none.
func (c *Config) domain(name string) string {
	found := ""
	for _, d := range [...]string{c.Domain, c.AltDomain} {
		if d != "" && len(d) > len(found) && within(name, d) {
			found = d
		}
	}
	return found
}

// within reports whether a name is a domain or lies below it.
func within(name, domain string) bool {
	if !strings.HasSuffix(name, domain) {
		return false
	}
	above := name[:len(name)-len(domain)]
	if above == "" {
		return true
	}
	labels, dot := strings.CutSuffix(above, ".")
	escapes := len(labels) - len(strings.TrimRight(labels, `\`))
	return dot && escapes%2 == 0 // a dot behind a backslash is part of a label
}

// serviceTTL is the TTL of a service: its own, else that of the longest prefix.
func (c *Config) serviceTTL(service string) uint32 {
	d, ok := c.ServiceTTL[service]
	for n := len(service); !ok && n >= 0 && len(c.ServiceTTL) > 0; n-- {
		d, ok = c.ServiceTTL[service[:n]+"*"]
	}
	return seconds(d)
}

func (c *Config) nodeTTL() uint32 { return seconds(c.NodeTTL) }

// maxTTL is the largest TTL there is (RFC 2181 section 8).
const maxTTL = 1<<31 - 1

func seconds(d time.Duration) uint32 {
	return uint32(min(max(0, d/time.Second), maxTTL)) //nolint:gosec // bounded
}
