package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
)

// The defaults of dns_config are Consul's.
const (
	defaultUDPAnswerLimit  = 3
	defaultMaxStale        = 87600 * time.Hour
	defaultRecursorTimeout = 2 * time.Second
)

// dnsSettings is dns_config and recursors.
func dnsSettings(c *Config, f *File) error {
	d := or(f.DNSConfig, DNS{})
	soa := or(d.SOA, SOA{})
	c.DNS = DNSSettings{
		NodeTTL: or(d.NodeTTL, 0), ServiceTTL: d.ServiceTTL, OnlyPassing: or(d.OnlyPassing, false), AllowStale: or(d.AllowStale, true),
		UDPAnswerLimit: or(d.UDPLimit, defaultUDPAnswerLimit), ARecordLimit: or(d.ARecord, 0), Truncate: or(d.Truncate, false),
		MaxStale: or(d.MaxStale, defaultMaxStale), Uncompressed: or(d.DisableCompression, false),
		SOARefresh: or(soa.Refresh, 3600), SOARetry: or(soa.Retry, 600), SOAExpire: or(soa.Expire, 86400), SOAMinTTL: or(soa.MinTTL, 0),
		RecursorTimeout: or(d.RecursorTimeout, defaultRecursorTimeout),
	}
	switch strategy := or(d.RecursorStrategy, "sequential"); strategy {
	case "sequential", "":
	case "random":
		c.DNS.RecursorRandom = true
	default:
		return cluster.Errorf(cluster.Invalid, "dns_config.recursor_strategy %q is not known: want sequential or random", strategy)
	}
	all := f.Recursors
	if f.Recursor != nil {
		all = append(slices.Clone(all), *f.Recursor)
	}
	for _, s := range all {
		addrs, err := recursor(s)
		if err != nil {
			return err
		}
		for _, a := range addrs {
			if !slices.Contains(c.DNS.Recursors, a) {
				c.DNS.Recursors = append(c.DNS.Recursors, a)
			}
		}
	}
	return nil
}

// recursor reads one recursor: an address, with a port or without, or a template of go-sockaddr, which may stand for several.
func recursor(s string) ([]string, error) {
	words, err := expandTemplate("recursors", s)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, word := range words {
		host, port := strings.Trim(word, "[]"), "53"
		if h, p, err := net.SplitHostPort(word); err == nil {
			host, port = h, p
		}
		a, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
		if err != nil || a.Port() == 0 || a.Addr().IsUnspecified() {
			return nil, cluster.Errorf(cluster.Invalid, "recursors: %q is not the address of a server: write it as \"192.0.2.53\" or \"192.0.2.53:5353\"", word)
		}
		out = append(out, a.String())
	}
	return out, nil
}
