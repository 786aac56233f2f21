package socket

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// UDP is a socket that answers from the address that it was asked at, also where it is bound to all addresses of the machine.
type UDP struct {
	*net.UDPConn
	all bool // bound to all addresses
}

// Peer is who sent a packet, and where to.
type Peer struct {
	Addr netip.AddrPort
	oob  []byte // which address of ours was asked, for a socket that is bound to all
}

// oobSize is room for the control message of either family.
var oobSize = max(len(ipv4.NewControlMessage(ipv4.FlagDst|ipv4.FlagInterface)), len(ipv6.NewControlMessage(ipv6.FlagDst|ipv6.FlagInterface)))

func newUDP(c *net.UDPConn) *UDP {
	s := &UDP{UDPConn: c}
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok && a.IP.IsUnspecified() {
		// One of the two families is refused, or both where the system has no such messages: then the route decides the source.
		err4 := ipv4.NewPacketConn(c).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
		err6 := ipv6.NewPacketConn(c).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
		s.all = err4 == nil || err6 == nil
	}
	return s
}

// Receive reads a packet into b.
func (s *UDP) Receive(b []byte) (n int, from Peer, err error) {
	if !s.all {
		n, from.Addr, err = s.ReadFromUDPAddrPort(b)
		return n, from, err
	}
	oob := make([]byte, oobSize)
	n, used, _, addr, err := s.ReadMsgUDPAddrPort(b, oob)
	return n, Peer{addr, oob[:used]}, err
}

// Reply sends a packet back.
func (s *UDP) Reply(b []byte, to Peer) error {
	if !s.all {
		_, err := s.WriteToUDPAddrPort(b, to.Addr)
		return err
	}
	_, _, err := s.WriteMsgUDPAddrPort(b, source(to.oob), to.Addr)
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
