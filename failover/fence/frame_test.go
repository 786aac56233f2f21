//go:build linux

package fence

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Frames as they are on the wire, built by hand so that each test says what it
// sends.

type mac [6]byte

var broadcast = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func ethernet(dst, src mac, etherType uint16, payload []byte) []byte {
	return slices.Concat(dst[:], src[:], binary.BigEndian.AppendUint16(nil, etherType), payload)
}

// tagged puts a VLAN tag into a frame.
func tagged(etherType uint16, frame []byte) []byte {
	tag := binary.BigEndian.AppendUint16(nil, etherType)
	return slices.Concat(frame[:12], tag, []byte{0, 5}, frame[12:])
}

const (
	arpRequest = 1
	arpReply   = 2
)

func arp(op uint16, sha mac, spa netip.Addr, tha mac, tpa netip.Addr) []byte {
	head := []byte{0, 1, 8, 0, 6, 4, byte(op >> 8), byte(op)}
	return slices.Concat(head, sha[:], spa.AsSlice(), tha[:], tpa.AsSlice())
}

const (
	protoICMP   = 1
	protoUDP    = 17
	protoICMPv6 = 58
)

// ip builds a packet of the version of its addresses; upper comes without its
// checksum, which is filled in.
func ip(src, dst netip.Addr, proto byte, upper []byte) []byte {
	upper = slices.Clone(upper)
	if at, ok := map[byte]int{protoICMP: 2, protoUDP: 6, protoICMPv6: 2}[proto]; ok && len(upper) >= at+2 {
		pseudo := slices.Concat(src.AsSlice(), dst.AsSlice(), []byte{0, 0, byte(len(upper) >> 8), byte(len(upper)), 0, 0, 0, proto})
		if proto == protoICMP {
			pseudo = nil
		}
		binary.BigEndian.PutUint16(upper[at:], checksum(append(pseudo, upper...)))
	}
	if src.Is6() {
		head := []byte{0x60, 0, 0, 0, byte(len(upper) >> 8), byte(len(upper)), proto, 255}
		return slices.Concat(head, src.AsSlice(), dst.AsSlice(), upper)
	}
	n := 20 + len(upper)
	head := slices.Concat([]byte{0x45, 0, byte(n >> 8), byte(n), 0, 0, 0, 0, 64, proto, 0, 0}, src.AsSlice(), dst.AsSlice())
	binary.BigEndian.PutUint16(head[10:], checksum(head))
	return append(head, upper...)
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func udp(from, to uint16, payload string) []byte {
	head := binary.BigEndian.AppendUint16(nil, from)
	head = binary.BigEndian.AppendUint16(head, to)
	head = binary.BigEndian.AppendUint16(head, uint16(8+len(payload)))
	return append(append(head, 0, 0), payload...)
}

// echo is an echo request for the version of the address, with a sequence number.
func echo(to netip.Addr, seq uint32) (proto byte, upper []byte) {
	kind, proto := byte(8), byte(protoICMP)
	if to.Is6() {
		kind, proto = 128, protoICMPv6
	}
	return proto, binary.BigEndian.AppendUint32([]byte{kind, 0, 0, 0, 0xfe, 0xed, 0, 0}, seq)
}

// neighbour is a neighbour solicitation (135) or advertisement (136).
func neighbour(kind byte, target netip.Addr) []byte {
	flags := byte(0)
	if kind == icmpAdvertise {
		flags = 0x20 // override
	}
	return append([]byte{kind, 0, 0, 0, flags, 0, 0, 0}, target.AsSlice()...)
}

// extended puts IPv6 extension headers between an IPv6 header and what follows.
// Each is its kind and its bytes, of which the first is filled in.
func extended(packet []byte, headers ...[]byte) []byte {
	out, next := slices.Clone(packet[:40]), 6
	upper := packet[6]
	for _, h := range headers {
		out[next] = h[0]
		next = len(out)
		out = append(out, h...)
	}
	out[next] = upper
	out = append(out, packet[40:]...)
	binary.BigEndian.PutUint16(out[4:], uint16(len(out)-40))
	return out
}

func extension(kind byte, units int) []byte {
	if kind == nextAuth {
		h := make([]byte, (units+2)*4)
		h[0], h[1] = kind, byte(units)
		return h
	}
	h := make([]byte, (units+1)*8)
	h[0], h[1] = kind, byte(units)
	return h
}

// speaksFor returns the address in whose name a frame speaks: the source of a
// packet, the sender of an ARP packet, the target of a neighbour advertisement or
// of a claim. It is the model of what the egress program looks at, and hearsFor
// that of the ingress program.
func speaksFor(frame []byte) []netip.Addr {
	etherType, p := network3(frame)
	switch etherType {
	case etherIPv4:
		return addrs(p, 12, 4)
	case etherARP:
		return addrs(p, 14, 4)
	case etherIPv6:
		return append(addrs(p, 8, 16), claimed(p)...)
	}
	return nil
}

func hearsFor(frame []byte) []netip.Addr {
	etherType, p := network3(frame)
	switch etherType {
	case etherIPv4:
		return addrs(p, 16, 4)
	case etherIPv6:
		return addrs(p, 24, 16)
	}
	return nil
}

func network3(frame []byte) (etherType uint16, packet []byte) {
	if len(frame) < 14 {
		return 0, nil
	}
	at := 12
	for range 2 {
		if t := binary.BigEndian.Uint16(frame[at:]); t != etherVLAN && t != etherQinQ {
			break
		}
		if at += 4; len(frame) < at+2 {
			return 0, nil
		}
	}
	return binary.BigEndian.Uint16(frame[at:]), frame[at+2:]
}

func addrs(p []byte, at, n int) []netip.Addr {
	if len(p) < at+n {
		return nil
	}
	a, _ := netip.AddrFromSlice(p[at : at+n])
	return []netip.Addr{a.Unmap()}
}

func claimed(p []byte) []netip.Addr {
	if len(p) < 40 {
		return nil
	}
	next, rest := p[6], p[40:]
	for range 6 {
		if next == nextICMPv6 {
			break
		}
		if len(rest) < 2 {
			return nil
		}
		size := (int(rest[1]) + 1) * 8
		switch next {
		case nextHopByHop, nextRouting, nextDestination:
		case nextAuth:
			size = (int(rest[1]) + 2) * 4
		default:
			return nil
		}
		next = rest[0]
		if len(rest) < size {
			return nil
		}
		rest = rest[size:]
	}
	if next != nextICMPv6 || len(rest) < 24 {
		return nil
	}
	if rest[0] == icmpAdvertise {
		return addrs(rest, 8, 16)
	}
	return nil
}
