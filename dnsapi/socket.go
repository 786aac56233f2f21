package dnsapi

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// socket is a UDP socket that answers from the address that it was asked at, also where it is bound to all addresses of the machine.
type socket struct {
	*net.UDPConn
	all bool // bound to all addresses
}

// peer is who sent a packet, and where to.
type peer struct {
	addr netip.AddrPort
	oob  []byte // which address of ours was asked, for a socket that is bound to all
}

// oobSize is room for the control message of either family.
var oobSize = max(len(ipv4.NewControlMessage(ipv4.FlagDst|ipv4.FlagInterface)), len(ipv6.NewControlMessage(ipv6.FlagDst|ipv6.FlagInterface)))

func newSocket(c *net.UDPConn) *socket {
	s := &socket{UDPConn: c}
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok && a.IP.IsUnspecified() {
		// One of the two families is refused, or both where the system has no such messages: then the route decides the source.
		err4 := ipv4.NewPacketConn(c).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
		err6 := ipv6.NewPacketConn(c).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
		s.all = err4 == nil || err6 == nil
	}
	return s
}

// receive reads a packet into b.
func (s *socket) receive(b []byte) (n int, from peer, err error) {
	if !s.all {
		n, from.addr, err = s.ReadFromUDPAddrPort(b)
		return n, from, err
	}
	oob := make([]byte, oobSize)
	n, used, _, addr, err := s.ReadMsgUDPAddrPort(b, oob)
	return n, peer{addr, oob[:used]}, err
}

// reply sends a packet back.
func (s *socket) reply(b []byte, to peer) error {
	if !s.all {
		_, err := s.WriteToUDPAddrPort(b, to.addr)
		return err
	}
	_, _, err := s.WriteMsgUDPAddrPort(b, source(to.oob), to.addr)
	return err
}

// source makes the control message that gives a packet the source address at which another arrived.
func source(oob []byte) []byte {
	var c6 ipv6.ControlMessage
	if c6.Parse(oob) == nil && c6.Dst != nil {
		return (&ipv6.ControlMessage{Src: c6.Dst}).Marshal()
	}
	var c4 ipv4.ControlMessage
	if c4.Parse(oob) == nil && c4.Dst != nil {
		return (&ipv4.ControlMessage{Src: c4.Dst}).Marshal()
	}
	return nil
}
