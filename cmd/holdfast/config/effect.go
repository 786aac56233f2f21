package config

import (
	"maps"
	"net/netip"
	"slices"

	"holdfast/cluster"
)

// effects are what goes with the addresses of a group.
func (b *Group) effects(name string) (cluster.Effects, error) {
	e := cluster.Effects{Sysctls: b.Sysctl, Conntrack: b.Conntrack}
	for _, r := range b.Run {
		e.Runs = append(e.Runs, cluster.Run(r))
	}
	for _, v := range b.Verify {
		e.Verify = append(e.Verify, cluster.Verify(v))
	}
	for _, label := range slices.Sorted(maps.Keys(b.Route)) {
		r, err := b.Route[label].build(name, label)
		if err != nil {
			return e, err
		}
		e.Routes = append(e.Routes, r)
	}
	for _, label := range slices.Sorted(maps.Keys(b.Masquerade)) {
		n, err := b.Masquerade[label].build(name, label)
		if err != nil {
			return e, err
		}
		e.NATs = append(e.NATs, n)
	}
	return e, nil
}

func (r Route) build(group, label string) (cluster.Route, error) {
	to := r.To
	if to == "" {
		to = label
	}
	out := cluster.Route{Interface: r.Dev, Table: r.Table, Metric: r.Metric}
	var err error
	if out.Via, err = address(group, "route", label, "via", r.Via); err != nil {
		return out, err
	}
	if out.Source, err = address(group, "route", label, "src", r.Src); err != nil {
		return out, err
	}
	out.Destination, err = cluster.ParseDestination(to, out.Via.Is6())
	if err != nil {
		return out, cluster.Errorf(cluster.Invalid, "group %q: route %q: %v", group, label, err)
	}
	return out, nil
}

func (m Masquerade) build(group, label string) (cluster.NAT, error) {
	from := m.From
	if from == "" {
		from = label
	}
	out := cluster.NAT{Interface: m.Dev}
	var err error
	if out.Source, err = netip.ParsePrefix(from); err != nil {
		return out, cluster.Errorf(cluster.Invalid, "group %q: masquerade %q is not a network: write it as masquerade \"10.0.0.0/24\" {}", group, from)
	}
	out.To, err = address(group, "masquerade", label, "to", m.To)
	return out, err
}

// address reads an address that may be missing.
func address(group, block, label, key, text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return a, cluster.Errorf(cluster.Invalid, "group %q: %s %q: %s = %q is not an address", group, block, label, key, text)
	}
	return a, nil
}
