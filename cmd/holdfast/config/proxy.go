package config

import (
	"crypto/tls"
	"maps"
	"net/netip"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/failover/proxy"
	"holdfast/failover/proxy/route"
	"holdfast/failover/upstream"
)

// Proxy is a proxy block; its label is the name.
type Proxy struct {
	Listen         []string       `mapstructure:"listen"`
	Service        string         `mapstructure:"service"`
	Tags           []string       `mapstructure:"tags"`
	Writer         string         `mapstructure:"writer"`
	Group          string         `mapstructure:"group"`
	Mode           string         `mapstructure:"mode"`
	TagPrefix      string         `mapstructure:"tag_prefix"`
	Balance        string         `mapstructure:"balance"`
	Hold           *time.Duration `mapstructure:"hold"`
	ConnectTimeout *time.Duration `mapstructure:"connect_timeout"`
	IdleTimeout    *time.Duration `mapstructure:"idle_timeout"`
	DrainTimeout   *time.Duration `mapstructure:"drain_timeout"`
	MaxConnections *int           `mapstructure:"max_connections"`
	SendProxy      int            `mapstructure:"send_proxy"`
	AcceptProxy    []string       `mapstructure:"accept_proxy_from"`

	Match       string            `mapstructure:"match"`
	TLS         *ProxyTLS         `mapstructure:"tls"`
	Auth        map[string]string `mapstructure:"auth"`
	Authorities string            `mapstructure:"upstream_ca_file"`
}

// ProxyTLS is the tls block of a proxy.
type ProxyTLS struct {
	Certificates []string `mapstructure:"certificates"`
	MinVersion   string   `mapstructure:"min_version"`
	StrictNames  bool     `mapstructure:"strict_names"`
}

func (b *ProxyTLS) build() (*upstream.TLS, error) {
	versions := map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
	v, ok := versions[b.MinVersion]
	if !ok {
		return nil, cluster.Errorf(cluster.Invalid, "tls: min_version %q is not known: want 1.2 or 1.3", b.MinVersion)
	}
	return &upstream.TLS{Certificates: b.Certificates, Min: v, Strict: b.StrictNames}, nil
}

func buildProxies(c *Config, f *File) error {
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f.Proxy)) {
		b := f.Proxy[name]
		s, err := b.build(name)
		if err != nil {
			return err
		}
		for _, l := range s.Options.Listen {
			if o := owner[l]; o != "" {
				return cluster.Errorf(cluster.Invalid, "proxies %q and %q both listen on %s: an address and port belong to one proxy", o, name, l)
			}
			owner[l] = name
		}
		c.Proxies = append(c.Proxies, s)
	}
	return nil
}

func (b *Proxy) build(name string) (upstream.Spec, error) {
	o := proxy.DefaultOptions(b.Listen...)
	s := upstream.Spec{Name: name, Service: b.Service, Tags: b.Tags, Writer: b.Writer, Group: b.Group, Prefix: b.TagPrefix}
	s.Match, s.Users, s.Authorities = route.Match(b.Match), b.Auth, b.Authorities
	if b.TLS != nil {
		t, err := b.TLS.build()
		if err != nil {
			return s, cluster.Errorf(cluster.Invalid, "proxy %q: %v", name, err)
		}
		s.TLS = t
	}
	if s.Prefix == "" && s.Service == "" && b.Mode != "" && b.Mode != string(proxy.TCP) {
		s.Prefix = route.DefaultPrefix
	}
	if b.Mode != "" {
		o.Mode = proxy.Mode(b.Mode)
	}
	if b.Balance != "" {
		o.Balance = proxy.Balance(b.Balance)
	}
	o.Hold, o.ConnectTimeout = or(b.Hold, o.Hold), or(b.ConnectTimeout, o.ConnectTimeout)
	o.Idle, o.Drain = or(b.IdleTimeout, o.Idle), or(b.DrainTimeout, o.Drain)
	o.MaxConnections, o.SendProxy = or(b.MaxConnections, o.MaxConnections), b.SendProxy
	for _, text := range b.AcceptProxy {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return s, cluster.Errorf(cluster.Invalid, "proxy %q: accept_proxy_from names %q, which is neither an address nor a network: write it as \"10.0.0.0/24\"", name, text)
		}
		o.AcceptProxy = append(o.AcceptProxy, p)
	}
	s.Options = o
	if err := s.Validate(); err != nil {
		return s, cluster.Errorf(cluster.Invalid, "%v", err)
	}
	return s, nil
}
