package lab

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"

	"holdfast/failover/lab/frame"
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

// Announce tells the network that the machine has an address, whether it has or not, as an operator would with arping.
func (m *Machine) Announce(ip netip.Addr) error {
	port, err := m.portOf(ip)
	if err != nil {
		return err
	}
	return m.Do(func() error {
		ifi, err := net.InterfaceByName(port.Interface)
		if err != nil {
			return err
		}
		c, err := packet.Listen(ifi, packet.Raw, frame.ARP, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		out := frame.Announcement(ip, port.MAC)
		_, err = c.WriteTo(out, &packet.Addr{HardwareAddr: net.HardwareAddr(out[:6])})
		return err
	})
}

// portOf is the connection to the network that contains an address.
func (m *Machine) portOf(ip netip.Addr) (Port, error) {
	for _, p := range m.Ports() {
		if p.IPv4.Masked().Contains(ip) || p.IPv6.Masked().Contains(ip) {
			return p, nil
		}
	}
	return Port{}, fmt.Errorf("lab: %s is on no network with %s", m.name, ip)
}

func (m *Machine) onInterface(ip netip.Addr, do func(*netlink.Handle, netlink.Link) error) error {
	port, err := m.portOf(ip)
	if err != nil {
		return err
	}
	return m.enter(func(b *boot) error {
		link, err := b.netlink.LinkByName(port.Interface)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", port.Interface, m.name, err)
		}
		return do(b.netlink, link)
	})
}
