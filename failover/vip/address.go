package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Address is a managed address as configured.
type Address struct {
	Prefix     netip.Prefix // the address with the length of its network: 10.77.0.100/24
	Interface  string       // where it goes; "" finds the interface by the prefix
	KeepPrefix bool         // put it there with its own prefix length instead of /32 or /128
	Source     bool         // the kernel may choose it as the source of connections
}

// String returns the address as configured, with its interface if named.
func (a Address) String() string {
	if a.Interface == "" {
		return a.Prefix.String()
	}
	return a.Prefix.String() + " on " + a.Interface
}

// Validate says in one sentence why a cannot be a managed address.
func (a Address) Validate() error {
	ip := a.Prefix.Addr()
	switch {
	case !a.Prefix.IsValid():
		return errors.New("vip address is missing or malformed: write it as 10.77.0.100/24")
	case ip.Is4In6():
		return fmt.Errorf("vip %s is an IPv4 address written as IPv6: write %s", a.Prefix, ip.Unmap())
	case ip.IsUnspecified(), ip.IsMulticast(), ip.IsLoopback(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("vip %s is not a unicast address that neighbours can reach", a.Prefix)
	}
	if ip.Is4() && a.Prefix.Bits() < 31 {
		switch ip {
		case a.Prefix.Masked().Addr():
			return fmt.Errorf("vip %s is the address of the network itself: choose another one in it", a.Prefix)
		case broadcast(a.Prefix):
			return fmt.Errorf("vip %s is the broadcast address of its network: choose another one in it", a.Prefix)
		}
	}
	return nil
}

// placed is the prefix with which a lies on the interface.
func (a Address) placed() netip.Prefix {
	if a.KeepPrefix {
		return a.Prefix
	}
	return single(a.Prefix.Addr())
}

// Assigned is an address that this machine should carry, and for how long
// if nobody renews it.
type Assigned struct {
	Address
	ValidFor time.Duration // whole seconds, rounded up; at least one
}

// Placed is a managed address as found on the machine.
type Placed struct {
	Interface Interface
	Prefix    netip.Prefix  // as it lies there, mostly /32 or /128
	Remaining time.Duration // until the kernel removes it; 0 if it never does
}

// Changes are what a Set did.
type Changes struct {
	Added, Renewed, Removed []Placed
}

// Interface is a network interface of this machine as it was when asked.
type Interface struct {
	Name         string
	Index        int
	HardwareAddr net.HardwareAddr
}

// String returns the interface's name.
func (i Interface) String() string { return i.Name }

// single is the prefix that holds ip alone.
func single(ip netip.Addr) netip.Prefix { return netip.PrefixFrom(ip, ip.BitLen()) }

// broadcast is the last address of an IPv4 prefix.
func broadcast(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// wholeSeconds rounds a lifetime up to what the kernel can keep.
func wholeSeconds(d time.Duration) (uint32, error) {
	const forever = 1<<32 - 1
	s := (d + time.Second - 1) / time.Second
	if s < 1 || s >= forever {
		return 0, fmt.Errorf("valid-for of %v is out of range: an address lives at least a second and never for ever", d)
	}
	return uint32(s), nil
}
