package vip

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
)

// maxHopLimit marks neighbour discovery packets that no router has passed on
// (RFC 4861 section 3.1).
const maxHopLimit = 255

// ndAnnouncement is the IPv6 packet that claims ip for own with all nodes: an
// unsolicited neighbour advertisement with the override flag (RFC 4861
// section 7.2.6). The router flag has to be true on a machine that forwards,
// else neighbours would drop it from their default routers.
func ndAnnouncement(own net.HardwareAddr, ip netip.Addr, router bool) ([]byte, error) {
	return ndPacket(ip, netip.IPv6LinkLocalAllNodes(), &ndp.NeighborAdvertisement{
		Router:        router,
		Override:      true,
		TargetAddress: ip,
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: own}},
	})
}

// ndProbe is the IPv6 packet that asks who has ip without claiming anything,
// as duplicate address detection does (RFC 4862 section 5.4.2), and the group
// it goes to. The nonce tells a looped-back probe from another's (RFC 7527).
func ndProbe(ip netip.Addr) (packet []byte, group netip.Addr, err error) {
	group, err = ndp.SolicitedNodeMulticast(ip)
	if err != nil {
		return nil, group, fmt.Errorf("form solicited-node group of %s: %w", ip, err)
	}
	packet, err = ndPacket(netip.IPv6Unspecified(), group, &ndp.NeighborSolicitation{
		TargetAddress: ip,
		Options:       []ndp.Option{ndp.NewNonce()},
	})
	return packet, group, err
}

// ndPacket puts an IPv6 header before m.
func ndPacket(source, destination netip.Addr, m ndp.Message) ([]byte, error) {
	body, err := ndp.MarshalMessageChecksum(m, source, destination)
	if err != nil {
		return nil, fmt.Errorf("form neighbour discovery packet: %w", err)
	}
	b := make([]byte, 0, ipv6.HeaderLen+len(body))
	b = append(b, 6<<4, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	b = append(b, icmpv6, maxHopLimit)
	b = append(b, source.AsSlice()...)
	b = append(b, destination.AsSlice()...)
	return append(b, body...), nil
}

// icmpv6 is the protocol number of ICMPv6.
const icmpv6 = 58

// multicastHardware is the Ethernet group of an IPv6 one (RFC 2464 section 7).
func multicastHardware(group netip.Addr) net.HardwareAddr {
	b := group.As16()
	return net.HardwareAddr{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

// claimFromND returns the claim an ICMPv6 message makes: an advertisement
// claims its target, a solicitation its source. One that names no hardware
// address changes no neighbour's entry but still claims.
func claimFromND(b []byte, source netip.Addr, hopLimit int) (c claim, ok bool) {
	if hopLimit != maxHopLimit {
		return c, false
	}
	m, err := ndp.ParseMessage(b)
	if err != nil {
		return c, false
	}
	switch m := m.(type) {
	case *ndp.NeighborAdvertisement:
		return claim{addr: m.TargetAddress, hardware: linkLayer(m.Options, ndp.Target)}, true
	case *ndp.NeighborSolicitation:
		source = source.WithZone("")
		return claim{addr: source, hardware: linkLayer(m.Options, ndp.Source)}, source.Is6() && !source.IsUnspecified()
	}
	return c, false
}

// linkLayer returns the hardware address among the options, or nil.
func linkLayer(options []ndp.Option, d ndp.Direction) net.HardwareAddr {
	for _, o := range options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == d {
			return l.Addr
		}
	}
	return nil
}
