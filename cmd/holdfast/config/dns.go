package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
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
		UDPAnswerLimit: or(d.UDPLimit, defaultUDPAnswerLimit), ARecordLimit: or(d.ARecord, 0), Truncate: or(d.Truncate, false), NodeMetaTXT: or(d.NodeMetaTXT, true),
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
	if err := zones(c, f); err != nil {
		return err
	}
	all := f.Recursors
	if f.Recursor != nil {
		all = append(slices.Clone(all), *f.Recursor)
	}
	for _, s := range all {
		addrs, err := dnsServer("recursors", s)
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

// dnsServer reads one server of a key: an address, with a port or without, or a template of go-sockaddr, which may stand for several.
func dnsServer(key, s string) ([]string, error) {
	words, err := expandTemplate(key, s)
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
			return nil, cluster.Errorf(cluster.Invalid, "%s: %q is not the address of a server: write it as \"192.0.2.53\" or \"192.0.2.53:5353\"", key, word)
		}
		out = append(out, a.String())
	}
	return out, nil
}

// defaultZoneTTL is the TTL of records that name none, where the zone names none either.
const defaultZoneTTL = 5 * time.Minute

// zones reads the zone blocks.
func zones(c *Config, f *File) error {
	for _, label := range slices.Sorted(maps.Keys(f.Zone)) {
		b := f.Zone[label]
		name := strings.ToLower(strings.TrimSuffix(label, "."))
		z := Zone{Name: name + ".", Prefix: b.Prefix, TTL: b.TTL}
		switch {
		case !zoneForm.MatchString(name):
			return cluster.Errorf(cluster.Invalid, "zone %q is not the name of a DNS zone: write it as \"example.org\"", label)
		case within(name, c.Domain) || within(name, c.AltDomain):
			return cluster.Errorf(cluster.Invalid, "zone %q lies in the domain that the catalog is served under: give it a name of its own", label)
		case slices.ContainsFunc(c.DNS.Zones, func(o Zone) bool { return o.Name == z.Name }):
			return cluster.Errorf(cluster.Invalid, "zone %q is given twice", label)
		case z.TTL < 0:
			return cluster.Errorf(cluster.Invalid, "zone %q has a negative ttl", label)
		}
		if z.Prefix == "" {
			z.Prefix = "dns/" + name + "/"
		}
		if !strings.HasSuffix(z.Prefix, "/") {
			z.Prefix += "/"
		}
		if z.TTL == 0 {
			z.TTL = defaultZoneTTL
		}
		for _, s := range b.Secondaries {
			addrs, err := dnsServer(fmt.Sprintf("zone %q: secondaries", label), s)
			if err != nil {
				return err
			}
			z.Secondaries = append(z.Secondaries, addrs...)
		}
		c.DNS.Zones = append(c.DNS.Zones, z)
	}
	return nil
}

var zoneForm = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// within reports whether a zone is a domain or lies in it.
func within(zone, domain string) bool {
	domain = strings.ToLower(strings.Trim(domain, "."))
	return domain != "" && (zone == domain || strings.HasSuffix(zone, "."+domain))
}
