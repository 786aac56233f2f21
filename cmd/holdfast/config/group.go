package config

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"holdfast/cluster"
)

func buildGroups(c *Config, f *File) error {
	for _, name := range slices.Sorted(maps.Keys(f.Group)) {
		b := f.Group[name]
		g, err := b.build(name)
		if err != nil {
			return err
		}
		c.Groups = append(c.Groups, g)
	}
	return uniqueVIPs(c.Groups)
}

func (b *Group) build(name string) (cluster.Group, error) {
	g := cluster.Group{
		Name: name, Service: b.Service, Prefer: b.Prefer, Preempt: b.Preempt, OnAcquire: hooks(b.OnAcquire), OnRelease: hooks(b.OnRelease),
		PreemptDelay: b.PreemptDelay, HoldDown: b.HoldDown, ApartFrom: b.ApartFrom, TogetherWith: b.TogetherWith, Weight: b.Weight, OnQuorumLoss: b.OnQuorumLoss, OnConflict: b.OnConflict,
	}
	var err error
	if g.Effects, err = b.effects(name); err != nil {
		return g, err
	}
	for text, v := range b.VIP {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return g, cluster.Errorf(cluster.Invalid, "group %q: vip %q is not an address with a prefix length: write it as \"10.0.0.100/24\"", name, text)
		}
		g.VIPs = append(g.VIPs, cluster.VIP{Prefix: p, Interface: v.Interface, Source: v.Source})
	}
	slices.SortFunc(g.VIPs, func(a, b cluster.VIP) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	return g, g.Validate()
}

func hooks(blocks []Hook) []cluster.Hook {
	var out []cluster.Hook
	for _, b := range blocks {
		out = append(out, cluster.Hook{Args: b.Args, Timeout: b.Timeout})
	}
	return out
}

func uniqueVIPs(groups []cluster.Group) error {
	owner := map[netip.Addr]string{}
	for _, g := range groups {
		for _, v := range g.VIPs {
			if o, taken := owner[v.Addr()]; taken {
				return cluster.Errorf(cluster.Invalid, "groups %q and %q both have the vip %s: an address belongs to one group", o, g.Name, v.Addr())
			}
			owner[v.Addr()] = g.Name
		}
	}
	return nil
}

// ParseGroups reads the group blocks of one file and nothing else, for `holdfast group apply FILE`. format is as Load takes it.
func ParseGroups(name string, b []byte, format string) ([]cluster.Group, error) {
	f, _, err := Parse(name, b, format)
	if err != nil {
		return nil, err
	}
	var c Config
	if err := buildGroups(&c, f); err != nil {
		return nil, err
	}
	if len(c.Groups) == 0 {
		return nil, cluster.Errorf(cluster.Invalid, "%s has no group block: write group \"name\" { vip \"10.0.0.100/24\" {} }", name)
	}
	return c.Groups, nil
}
