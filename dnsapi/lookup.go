package dnsapi

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// instances are the instances of a service that may be given out, with the tag where one is asked for.
func instances(v *state.View, c *Config, n name) []state.Instance {
	return healthy(v.ServiceInstances(n.subject), c, n)
}

// healthy is those of all that may be given out.
func healthy(all []state.Instance, c *Config, n name) []state.Instance {
	tag := n.tag
	if n.srvForm && tag == "udp" && !slices.ContainsFunc(all, func(i state.Instance) bool { return tagged(i, tag) }) {
		tag = "" // a protocol, not a tag
	}
	found := make([]state.Instance, 0, len(all))
	for _, i := range all {
		worst := cluster.Worst(i.Checks)
		if worst == cluster.Critical || c.OnlyPassing && worst != cluster.Passing || tag != "" && !tagged(i, tag) {
			continue
		}
		found = append(found, i)
	}
	return found
}

func tagged(i state.Instance, tag string) bool {
	return slices.ContainsFunc(i.Service.Tags, func(t string) bool { return strings.EqualFold(t, tag) })
}

// host is where an instance or node is: an address, or a name where it was registered with one, or, where that is of no use in DNS, the zero
// value.
type host struct {
	ip   netip.Addr // invalid where name is set
	name string     // fully qualified
}

func hostOf(address string) host {
	if ip, err := netip.ParseAddr(address); err == nil {
		return host{ip: ip.Unmap().WithZone("")}
	}
	if name := strings.TrimSuffix(address, ".") + "."; usable(name) {
		return host{name: name}
	}
	return host{}
}

// instanceHost is where an instance is: its own address, else its node's.
func instanceHost(i state.Instance) host {
	if i.Service.Address != "" {
		return hostOf(i.Service.Address)
	}
	return hostOf(i.Node.Address)
}

// targetOf is the name that an SRV record gives for an instance. It resolves alone to where the instance is.
func targetOf(c *Config, domain string, i state.Instance, h host) string {
	if h.name != "" {
		return h.name
	}
	here := i.Node.Datacenter == "" || i.Node.Datacenter == c.Datacenter // names of other datacenters' nodes are answered there
	if here && (i.Service.Address == "" || i.Service.Address == i.Node.Address) {
		if n := nodeName(c, domain, i.Node.Name); usable(n) {
			return n
		}
	}
	return hex.EncodeToString(h.ip.AsSlice()) + ".addr." + c.Datacenter + "." + domain
}

// weight is the SRV weight of an instance: that of its state.
func weight(i state.Instance) uint16 {
	w := i.Service.Weights
	if w == (cluster.Weights{}) {
		w = cluster.DefaultWeights
	}
	if cluster.Worst(i.Checks) == cluster.Warning {
		return uint16(w.Warning) //nolint:gosec // validated when it was registered
	}
	return uint16(w.Passing) //nolint:gosec // validated when it was registered
}

// pointers are the names of an address: the nodes and service instances that have it, each once.
func pointers(v *state.View, c *Config, a netip.Addr) []string {
	var out []string
	add := func(s string) {
		if usable(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, n := range v.NodesByAddress(a) {
		add(nodeName(c, c.Domain, n.Name))
	}
	for _, i := range v.InstancesByAddress(a) {
		add(i.Service.Name + ".service." + c.Datacenter + "." + c.Domain)
	}
	return out
}

func nodeName(c *Config, domain, node string) string {
	return node + ".node." + c.Datacenter + "." + domain
}

// usable reports whether a fully qualified name can be sent: what programs register need not be a name for DNS, and one such would spoil
// the whole message.
func usable(name string) bool {
	if name == "." || strings.Contains(name, `\`) {
		return false
	}
	_, ok := dns.IsDomainName(name)
	return ok
}
