// Package frame writes and reads the few Ethernet frames that a lab's probe needs: who has an address (ARP, neighbour discovery), and a
// UDP Datagram addressed to a machine of one's choice.
package frame

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
)

// Ethernet's types, and numbers that filters on them need.
const (
	ARP  = 0x0806
	IPv4 = 0x0800
	IPv6 = 0x86dd

	protoUDP    = 17
	ICMPv6      = 58
	neighSolic  = 135
	neighAdvert = 136

	HeaderSize = 14
	arpSize    = 28
	ipv4Size   = 20
	ipv6Size   = 40
	udpSize    = 8
)

func etherHeader(dst, src net.HardwareAddr, kind uint16) []byte {
	b := make([]byte, 0, 128)
	b = append(b, dst...)
	b = append(b, src...)
	return binary.BigEndian.AppendUint16(b, kind)
}

// WhoHas asks who has an address: by ARP for IPv4 (RFC 826), by a neighbour solicitation for IPv6 (RFC 4861). The frame comes from src; the
// answer is to go to replyTo, which is how answers are told apart.
func WhoHas(target netip.Addr, src, replyTo net.HardwareAddr, asker netip.Addr) []byte {
	if target.Is4() {
		return arpRequest(target, src, replyTo, asker)
	}
	return solicitation(target, src, replyTo, asker)
}

func arpRequest(target netip.Addr, src, replyTo net.HardwareAddr, asker netip.Addr) []byte {
	b := etherHeader(net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, src, ARP)
	b = append(b, 0, 1, 8, 0, 6, 4, 0, 1) // Ethernet, IPv4, address lengths, request
	b = append(b, replyTo...)
	b = append(b, asker.AsSlice()...)
	b = append(b, make([]byte, 6)...)
	return append(b, target.AsSlice()...)
}

func solicitation(target netip.Addr, src, replyTo net.HardwareAddr, asker netip.Addr) []byte {
	t := target.As16()
	group := netip.AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, 13: t[13], 14: t[14], 15: t[15]})
	b := etherHeader(net.HardwareAddr{0x33, 0x33, 0xff, t[13], t[14], t[15]}, src, IPv6)
	const size = 32
	b = ipv6Header(b, asker, group, ICMPv6, size, 255)
	at := len(b)
	b = append(b, neighSolic, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, t[:]...)
	b = append(b, 1, 1) // source link-layer address, 8 bytes
	b = append(b, replyTo...)
	binary.BigEndian.PutUint16(b[at+2:], checksum(asker, group, ICMPv6, b[at:]))
	return b
}

// Announcement is what a machine says unasked when it has taken an address over: a gratuitous ARP request (RFC 5227 section 3), or an
// unsolicited neighbour advertisement that overrides (RFC 4861 section 7.2.6).
func Announcement(address netip.Addr, mac net.HardwareAddr) []byte {
	if address.Is4() {
		return arpRequest(address, mac, mac, address)
	}
	return advertise(address, mac, net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, netip.IPv6LinkLocalAllNodes())
}

func advertise(address netip.Addr, mac, to net.HardwareAddr, toAddr netip.Addr) []byte {
	const size, override = 32, 0x20
	b := ipv6Header(etherHeader(to, mac, IPv6), address, toAddr, ICMPv6, size, 255)
	at := len(b)
	b = append(b, neighAdvert, 0, 0, 0, override, 0, 0, 0)
	b = append(b, address.AsSlice()...)
	b = append(b, 2, 1) // target link-layer address, 8 bytes
	b = append(b, mac...)
	binary.BigEndian.PutUint16(b[at+2:], checksum(address, toAddr, ICMPv6, b[at:]))
	return b
}

// Owns reads an answer to WhoHas: who it went to and which hardware address it gives for the target.
func Owns(frame []byte, target netip.Addr) (replyTo, owner net.HardwareAddr, ok bool) {
	if len(frame) < HeaderSize {
		return nil, nil, false
	}
	kind, body := binary.BigEndian.Uint16(frame[12:]), frame[HeaderSize:]
	switch {
	case kind == ARP && target.Is4():
		return arpReply(body, target)
	case kind == IPv6 && target.Is6():
		return advertisement(frame, target)
	}
	return nil, nil, false
}

func arpReply(b []byte, target netip.Addr) (replyTo, owner net.HardwareAddr, ok bool) {
	if len(b) < arpSize || !bytes.Equal(b[:8], []byte{0, 1, 8, 0, 6, 4, 0, 2}) || !bytes.Equal(b[14:18], target.AsSlice()) {
		return nil, nil, false
	}
	return bytes.Clone(b[18:24]), bytes.Clone(b[8:14]), true
}

// advertisement reads a neighbour advertisement. Without a target link-layer address option the owner is whoever sent the frame.
func advertisement(frame []byte, target netip.Addr) (replyTo, owner net.HardwareAddr, ok bool) {
	const fixed = 24
	ip := frame[HeaderSize:]
	if len(ip) < ipv6Size+fixed || ip[6] != ICMPv6 || ip[ipv6Size] != neighAdvert {
		return nil, nil, false
	}
	msg := ip[ipv6Size:]
	if !bytes.Equal(msg[8:24], target.AsSlice()) {
		return nil, nil, false
	}
	owner = bytes.Clone(frame[6:12])
	for opt := msg[fixed:]; len(opt) >= 8 && opt[1] != 0 && int(opt[1])*8 <= len(opt); opt = opt[int(opt[1])*8:] {
		if opt[0] == 2 { // target link-layer address
			owner = bytes.Clone(opt[2:8])
		}
	}
	return bytes.Clone(frame[:6]), owner, true
}

// Datagram is a whole Ethernet frame with a UDP Datagram. Its hop limit is 1: a router that is asked for an address it does not
// have does not pass the question on.
func Datagram(dst, src net.HardwareAddr, to, from netip.AddrPort, payload []byte) []byte {
	udp := make([]byte, 0, udpSize+len(payload))
	udp = binary.BigEndian.AppendUint16(udp, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(udpSize+len(payload)))
	udp = append(udp, 0, 0)
	udp = append(udp, payload...)
	sum := checksum(from.Addr(), to.Addr(), protoUDP, udp)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	if to.Addr().Is4() {
		b := etherHeader(dst, src, IPv4)
		return append(ipv4Header(b, from.Addr(), to.Addr(), len(udp)), udp...)
	}
	b := etherHeader(dst, src, IPv6)
	return append(ipv6Header(b, from.Addr(), to.Addr(), protoUDP, len(udp), 1), udp...)
}

func ipv4Header(b []byte, from, to netip.Addr, size int) []byte {
	at := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Size+size))
	b = append(b, 0, 0, 0x40, 0, 1, protoUDP, 0, 0) // do not fragment, one hop
	b = append(b, from.AsSlice()...)
	b = append(b, to.AsSlice()...)
	binary.BigEndian.PutUint16(b[at+10:], ^fold(sum16(0, b[at:])))
	return b
}

func ipv6Header(b []byte, from, to netip.Addr, proto byte, size, hops int) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = append(b, proto, byte(hops))
	b = append(b, from.AsSlice()...)
	return append(b, to.AsSlice()...)
}

// checksum is that of UDP and ICMPv6: over addresses, protocol, length and message (RFC 768, RFC 8200 section 8.1).
func checksum(from, to netip.Addr, proto byte, message []byte) uint16 {
	sum := sum16(sum16(0, from.AsSlice()), to.AsSlice())
	return ^fold(sum16(sum+uint32(proto)+uint32(len(message)), message))
}

func sum16(sum uint32, b []byte) uint32 {
	for len(b) >= 2 {
		sum += uint32(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
