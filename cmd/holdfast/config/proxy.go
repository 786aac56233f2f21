package config

import (
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
	if s.Prefix == "" && s.Service == "" && (b.Mode == string(proxy.HTTP) || b.Mode == string(proxy.SNI)) {
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
