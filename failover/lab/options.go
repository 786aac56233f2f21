package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// Options says which machines and networks a Lab has. The zero value of every field but Machines means its default.
type Options struct {
	Machines []string  // in the order of their host numbers: the first has .11, the next .12
	Client   string    // the machine the world is seen from, always there; default "client", host number .200
	Networks []Network // the first is eth0 of each machine on it; default is one network, DefaultNetwork
}

// Network is one Ethernet segment: a switch that joins machines. A machine has host number 11 (12, 13, …) in both families, so n1 is
// 10.77.0.11 and fd77::11.
type Network struct {
	Name     string
	IPv4     netip.Prefix // at most 24 bits; the zero prefix means no IPv4
	IPv6     netip.Prefix // at most 112 bits; the zero prefix means no IPv6
	Machines []string     // which machines, the client included, are on it; nil means all
}

// DefaultNetwork is the network of a Lab whose Options name none.
func DefaultNetwork() Network {
	return Network{Name: "lan", IPv4: netip.MustParsePrefix("10.77.0.0/24"), IPv6: netip.MustParsePrefix("fd77::/64")}
}

const (
	defaultClient = "client"
	observerName  = "observer" // the port of every network from which a Probe asks behind the client's back

	firstHost    = 11
	clientHost   = 200
	observerHost = 250 // the observer's own address
	askerHost    = 251 // in whose name ARP and neighbour questions are asked; nobody has it
	maxMachines  = 100
)

// withDefaults fills what was left out.
func (o Options) withDefaults() Options {
	if o.Client == "" {
		o.Client = defaultClient
	}
	if len(o.Networks) == 0 {
		o.Networks = []Network{DefaultNetwork()}
	}
	return o
}

// Validate reports the first thing that is wrong, in one sentence.
func (o Options) Validate() error {
	o = o.withDefaults()
	if len(o.Machines) == 0 || len(o.Machines) > maxMachines {
		return fmt.Errorf("lab: Options.Machines has %d names: give 1 to %d", len(o.Machines), maxMachines)
	}
	all := append(slices.Clone(o.Machines), o.Client)
	for i, name := range all {
		switch {
		case name == "" || len(name) > 63:
			return fmt.Errorf("lab: machine name %q: give 1 to 63 bytes, it becomes the host name", name)
		case name == observerName:
			return fmt.Errorf("lab: machine name %q is taken by the lab itself", name)
		case slices.Contains(all[:i], name):
			return fmt.Errorf("lab: machine %q is named twice", name)
		}
	}
	for i, n := range o.Networks {
		if err := n.validate(all); err != nil {
			return err
		}
		if slices.ContainsFunc(o.Networks[:i], func(p Network) bool { return p.Name == n.Name }) {
			return fmt.Errorf("lab: network %q is named twice", n.Name)
		}
	}
	return nil
}

func (n Network) validate(machines []string) error {
	if n.Name == "" {
		return errors.New("lab: a network has no name: give Network.Name")
	}
	if !n.IPv4.IsValid() && !n.IPv6.IsValid() {
		return fmt.Errorf("lab: network %q has neither IPv4 nor IPv6: give it a prefix", n.Name)
	}
	if n.IPv4.IsValid() && (!n.IPv4.Addr().Is4() || n.IPv4.Bits() > 24) {
		return fmt.Errorf("lab: network %q: IPv4 prefix %s: give one of at most 24 bits", n.Name, n.IPv4)
	}
	if n.IPv6.IsValid() && (!n.IPv6.Addr().Is6() || n.IPv6.Bits() > 112) {
		return fmt.Errorf("lab: network %q: IPv6 prefix %s: give one of at most 112 bits", n.Name, n.IPv6)
	}
	for _, name := range n.Machines {
		if !slices.Contains(machines, name) {
			return fmt.Errorf("lab: network %q: there is no machine %q", n.Name, name)
		}
	}
	return nil
}

// has reports whether the machine is on the network.
func (n Network) has(machine string) bool {
	return n.Machines == nil || slices.Contains(n.Machines, machine)
}

// host4 is the address with this host number, in the network's own prefix length.
func (n Network) host4(host int) netip.Prefix {
	if !n.IPv4.IsValid() {
		return netip.Prefix{}
	}
	b := n.IPv4.Masked().Addr().As4()
	b[3] |= byte(host)
	return netip.PrefixFrom(netip.AddrFrom4(b), n.IPv4.Bits())
}

// host6 is the address whose last group reads like the host number: 11 is ::11.
func (n Network) host6(host int) netip.Prefix {
	if !n.IPv6.IsValid() {
		return netip.Prefix{}
	}
	last, _ := strconv.ParseUint(strconv.Itoa(host), 16, 16) // decimal digits are hexadecimal digits
	b := n.IPv6.Masked().Addr().As16()
	b[14], b[15] = byte(last>>8), byte(last)
	return netip.PrefixFrom(netip.AddrFrom16(b), n.IPv6.Bits())
}
