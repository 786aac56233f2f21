package lab

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// AddAddress gives the machine an address by hand, on the interface whose network contains it, as an operator would with ip.
func (m *Machine) AddAddress(prefix netip.Prefix) error {
	return m.onInterface(prefix.Addr(), func(h *netlink.Handle, link netlink.Link) error {
		return h.AddrAdd(link, address(prefix))
	})
}

// RemoveAddress takes an address away behind the back of whoever added it.
func (m *Machine) RemoveAddress(prefix netip.Prefix) error {
	return m.onInterface(prefix.Addr(), func(h *netlink.Handle, link netlink.Link) error {
		return h.AddrDel(link, address(prefix))
	})
}

// HasAddress reports whether an interface of the machine, lo apart, has the address, whatever its prefix length.
func (m *Machine) HasAddress(ip netip.Addr) (has bool, err error) {
	err = m.onInterface(ip, func(h *netlink.Handle, link netlink.Link) error {
		list, err := h.AddrList(link, netlink.FAMILY_ALL)
		has = slices.ContainsFunc(list, func(a netlink.Addr) bool { return a.IP.Equal(ip.AsSlice()) })
		return err
	})
	return has, err
}

func (m *Machine) onInterface(ip netip.Addr, do func(*netlink.Handle, netlink.Link) error) error {
	ports := m.Ports()
	i := slices.IndexFunc(ports, func(p Port) bool { return p.IPv4.Masked().Contains(ip) || p.IPv6.Masked().Contains(ip) })
	if i < 0 {
		return fmt.Errorf("lab: %s is on no network with %s", m.name, ip)
	}
	return m.enter(func(b *boot) error {
		link, err := b.netlink.LinkByName(ports[i].Interface)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", ports[i].Interface, m.name, err)
		}
		return do(b.netlink, link)
	})
}
