package vip

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
)

// ARP operations (RFC 826).
const (
	arpRequest = 1
	arpReply   = 2
)

const (
	arpLength   = 28 // of a packet for Ethernet and IPv4
	arpSenderIP = 14 // offset of the sender's protocol address
)

const (
	arpHeader         = "\x00\x01\x08\x00\x06\x04" // Ethernet, IPv4, and the lengths of their addresses
	broadcastHardware = "\xff\xff\xff\xff\xff\xff"
	noHardware        = "\x00\x00\x00\x00\x00\x00"
)

// arpPacket is an ARP packet for IPv4 over Ethernet.
type arpPacket struct {
	op                             uint16
	senderHardware, targetHardware net.HardwareAddr
	sender, target                 netip.Addr
}

// marshal returns p as it stands on the wire, without the link header.
func (p arpPacket) marshal() []byte {
	b := make([]byte, 0, arpLength)
	b = append(b, arpHeader...)
	b = binary.BigEndian.AppendUint16(b, p.op)
	b = append(b, p.senderHardware...)
	b = append(b, p.sender.AsSlice()...)
	b = append(b, p.targetHardware...)
	return append(b, p.target.AsSlice()...)
}

// parseARP reads an ARP packet for IPv4 over Ethernet; others are not ok.
func parseARP(b []byte) (p arpPacket, ok bool) {
	if len(b) < arpLength || string(b[:6]) != arpHeader {
		return p, false
	}
	return arpPacket{
		op:             binary.BigEndian.Uint16(b[6:]),
		senderHardware: bytes.Clone(b[8:14]),
		sender:         netip.AddrFrom4([4]byte(b[14:18])),
		targetHardware: bytes.Clone(b[18:24]),
		target:         netip.AddrFrom4([4]byte(b[24:28])),
	}, true
}

// arpProbe asks who has ip without claiming anything: the sender's address
// is 0.0.0.0, so no neighbour learns from it (RFC 5227 section 2.1.1).
func arpProbe(own net.HardwareAddr, ip netip.Addr) []byte {
	return arpPacket{arpRequest, own, net.HardwareAddr(noHardware), netip.IPv4Unspecified(), ip}.marshal()
}

// arpAnnouncements claim ip for own: as a request, which is the form of RFC
// 5227 section 3, and as a reply, which some equipment needs. The reply also
// names own as target, else Linux would not take it for gratuitous.
func arpAnnouncements(own net.HardwareAddr, ip netip.Addr) [][]byte {
	return [][]byte{
		arpPacket{arpRequest, own, net.HardwareAddr(noHardware), ip, ip}.marshal(),
		arpPacket{arpReply, own, own, ip, ip}.marshal(),
	}
}

// claimFromARP returns the claim an ARP packet makes: whatever its operation,
// neighbours learn the sender's pair of addresses from it.
func claimFromARP(b []byte) (c claim, ok bool) {
	p, ok := parseARP(b)
	if !ok || p.op != arpRequest && p.op != arpReply || p.sender.IsUnspecified() {
		return c, false
	}
	return claim{addr: p.sender, hardware: p.senderHardware}, true
}
