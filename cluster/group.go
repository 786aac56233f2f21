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

	PreemptDelay time.Duration  `codec:",omitempty"` // with Preempt: only once the better machine has been eligible for that long
	HoldDown     *time.Duration `codec:",omitempty"` // how long a machine that lost it twice in a row comes last, twice that after the third time, and so on; nil: DefaultHoldDown, 0: not
	ApartFrom    []string       `codec:",omitempty"` // groups that are to be on other machines, where there is one
	TogetherWith []string       `codec:",omitempty"` // groups that are to be on the same machine, where it is eligible
	Weight       int            `codec:",omitempty"` // how heavy it counts where groups are spread; 0 means 1
	OnQuorumLoss string         `codec:",omitempty"` // QuorumLossRelease or QuorumLossHold; "" means release
	OnConflict   string         `codec:",omitempty"` // ConflictReport, ConflictYield or ConflictDefend; "" means report

	Effects Effects `codec:",omitempty"`

	OnAcquire []Hook // run after the addresses are announced, in order
	OnRelease []Hook // run after the addresses are fenced and released, in order

	CreateIndex, ModifyIndex uint64
}

// DefaultHoldDown is how long a machine is held down that lost a group twice in a row.
const DefaultHoldDown = 10 * time.Second

// maxHoldDown is what doubling leads to at most.
const maxHoldDown = 10 * time.Minute

// What a holder does when the leader does not renew its lease.
const (
	QuorumLossRelease = "release" // its lease runs out
	QuorumLossHold    = "hold"    // it goes on while every other voter answers it directly that it follows no leader
)

// What becomes of a group when a machine that is no member of the cluster has its address.
const (
	ConflictReport = "report" // the group is not taken while somebody else answers; while it is served, the conflict is told
	ConflictYield  = "yield"  // likewise, and it is given back
	ConflictDefend = "defend" // it is taken and kept, and the address is announced again
)

// Heft is how heavy the group counts where groups are spread.
func (g *Group) Heft() int {
	if g.Weight == 0 {
		return 1
	}
	return g.Weight
}

// VIP is one virtual IP of a group.
type VIP struct {
	Prefix    netip.Prefix // the address with the prefix of its network, "10.77.0.100/24"
	Interface string       // "" means: the interface that has an address in the prefix
	Source    bool         `codec:",omitempty"` // the kernel may choose it as the source of connections
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
	if err := g.validPlacement(); err != nil {
		return err
	}
	return g.Effects.validate(g.Name)
}

// maxWeight bounds a group's weight.
const maxWeight = 1000

// plain reports whether the group says nothing that members of 0.1.0 do not understand.
func (g *Group) plain() bool {
	old := Group{Name: g.Name, VIPs: g.VIPs, Service: g.Service, Prefer: g.Prefer, Preempt: g.Preempt, OnAcquire: g.OnAcquire, OnRelease: g.OnRelease}
	return g.Equal(&old) && !slices.ContainsFunc(g.VIPs, func(v VIP) bool { return v.Source })
}

// validPlacement says what is wrong with what the plan reads of the group.
func (g *Group) validPlacement() error {
	for _, n := range slices.Concat(g.ApartFrom, g.TogetherWith) {
		switch {
		case n == g.Name:
			return Errorf(Invalid, "group %q names itself in apart_from or together_with", g.Name)
		case !groupName.MatchString(n):
			return Errorf(Invalid, "group %q: apart_from or together_with names %q, which is not the name of a group", g.Name, n)
		case slices.Contains(g.ApartFrom, n) && slices.Contains(g.TogetherWith, n):
			return Errorf(Invalid, "group %q is to be apart from %q and together with it: choose one", g.Name, n)
		}
	}
	switch {
	case g.PreemptDelay < 0:
		return Errorf(Invalid, "group %q has a negative preempt_delay", g.Name)
	case g.PreemptDelay > 0 && !g.Preempt:
		return Errorf(Invalid, "group %q has a preempt_delay and does not preempt: set preempt = true, or leave it out", g.Name)
	case g.HoldDown != nil && (*g.HoldDown < 0 || *g.HoldDown > time.Hour):
		return Errorf(Invalid, "group %q: hold_down %s is out of range: want 0s to 1h", g.Name, *g.HoldDown)
	case g.Weight < 0 || g.Weight > maxWeight:
		return Errorf(Invalid, "group %q: weight %d is out of range: want 1 to %d", g.Name, g.Weight, maxWeight)
	case !slices.Contains([]string{"", QuorumLossRelease, QuorumLossHold}, g.OnQuorumLoss):
		return Errorf(Invalid, "group %q: on_quorum_loss is %q: want \"release\" or \"hold\"", g.Name, g.OnQuorumLoss)
	case !slices.Contains([]string{"", ConflictReport, ConflictYield, ConflictDefend}, g.OnConflict):
		return Errorf(Invalid, "group %q: on_conflict is %q: want \"report\", \"yield\" or \"defend\"", g.Name, g.OnConflict)
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
		g.Preempt == o.Preempt && g.PreemptDelay == o.PreemptDelay && slices.Equal(g.ApartFrom, o.ApartFrom) && slices.Equal(g.TogetherWith, o.TogetherWith) &&
		g.heldDown() == o.heldDown() && g.Weight == o.Weight && g.OnQuorumLoss == o.OnQuorumLoss && g.OnConflict == o.OnConflict && g.Effects.equal(&o.Effects) && slices.EqualFunc(g.OnAcquire, o.OnAcquire, Hook.equal) && slices.EqualFunc(g.OnRelease, o.OnRelease, Hook.equal)
}

func (g *Group) heldDown() time.Duration {
	if g.HoldDown == nil {
		return DefaultHoldDown
	}
	return *g.HoldDown
}

// HeldFor is how long a machine is held down after it has lost the group that many times in a row.
func (g *Group) HeldFor(times int) time.Duration {
	if times < 2 {
		return 0
	}
	first := g.heldDown()
	return min(max(first, maxHoldDown), first<<min(times-2, 16))
}

func (h Hook) equal(o Hook) bool { return h.Timeout == o.Timeout && slices.Equal(h.Args, o.Args) }
