package cluster

import (
	"net/netip"
	"regexp"
	"slices"
	"time"
)

// Group is the unit that moves between machines: virtual IPs and what goes with them. It is served by one member at a time.
// A Group that a View hands out is shared and must not be changed.
type Group struct {
	Name    string
	VIPs    []VIP
	Service string   // a machine is eligible while its instances of this service pass; "" means every live machine is
	Prefer  []string // node names, best first; the others follow in the order of their names
	Preempt bool     // go back to a better machine as soon as it is eligible

	OnAcquire []Hook // run after the addresses are announced, in order
	OnRelease []Hook // run after the addresses are fenced and released, in order

	CreateIndex, ModifyIndex uint64
}

// VIP is one virtual IP of a group.
type VIP struct {
	Prefix    netip.Prefix // the address with the prefix of its network, "10.77.0.100/24"
	Interface string       // "" means: the interface that has an address in the prefix
}

// Addr is the virtual IP itself.
func (v VIP) Addr() netip.Addr { return v.Prefix.Addr() }

// Hook is a program that a machine runs when it acquires or releases a group.
type Hook struct {
	Args    []string      // the program and its arguments
	Timeout time.Duration // 0 means DefaultHookTimeout; the process group is killed after it
}

// DefaultHookTimeout bounds a hook that gives no timeout.
const DefaultHookTimeout = 10 * time.Second

var groupName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// Validate says in one sentence what is wrong with the group, or returns nil. What needs the other groups (one VIP twice) is the
// state's to say; what needs a machine (an interface for the prefix) is that machine's.
func (g *Group) Validate() error {
	if !groupName.MatchString(g.Name) {
		return Errorf(Invalid, "group name %q is not usable: want 1 to 63 letters, digits, dots, dashes or underscores", g.Name)
	}
	if len(g.VIPs) == 0 {
		return Errorf(Invalid, "group %q has no vip: give at least one, as in vip \"10.0.0.100/24\" {}", g.Name)
	}
	seen := map[netip.Addr]bool{}
	for _, v := range g.VIPs {
		if err := g.validVIP(v); err != nil {
			return err
		}
		if seen[v.Addr()] {
			return Errorf(Invalid, "group %q names the vip %s twice", g.Name, v.Addr())
		}
		seen[v.Addr()] = true
	}
	for i, n := range g.Prefer {
		if n == "" || slices.Contains(g.Prefer[:i], n) {
			return Errorf(Invalid, "group %q: prefer names %q twice or empty", g.Name, n)
		}
	}
	for _, h := range slices.Concat(g.OnAcquire, g.OnRelease) {
		if len(h.Args) == 0 || h.Args[0] == "" || h.Timeout < 0 {
			return Errorf(Invalid, "group %q has a hook without a program or with a negative timeout", g.Name)
		}
	}
	return nil
}

func (g *Group) validVIP(v VIP) error {
	a := v.Addr()
	switch {
	case !v.Prefix.IsValid():
		return Errorf(Invalid, "group %q has a vip that is not an address with a prefix length: write it as \"10.0.0.100/24\"", g.Name)
	case a.Zone() != "" || a.Is4In6():
		return Errorf(Invalid, "group %q: vip %s has a zone or is an IPv4 address in IPv6 form", g.Name, v.Prefix)
	case a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return Errorf(Invalid, "group %q: vip %s is not an address that a machine can serve to others", g.Name, v.Prefix)
	case v.Prefix.Bits() < a.BitLen()-1 && v.Prefix.Masked().Addr() == a && a.Is4():
		return Errorf(Invalid, "group %q: vip %s is the address of its network, not of a machine", g.Name, v.Prefix)
	}
	return nil
}

// Equal reports whether two groups say the same, indexes aside.
func (g *Group) Equal(o *Group) bool {
	return g.Name == o.Name && slices.Equal(g.VIPs, o.VIPs) && g.Service == o.Service && slices.Equal(g.Prefer, o.Prefer) &&
		g.Preempt == o.Preempt && slices.EqualFunc(g.OnAcquire, o.OnAcquire, Hook.equal) && slices.EqualFunc(g.OnRelease, o.OnRelease, Hook.equal)
}

func (h Hook) equal(o Hook) bool { return h.Timeout == o.Timeout && slices.Equal(h.Args, o.Args) }
