package vip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/socket"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// One packet socket and one raw ICMPv6 socket serve the whole machine. They
// stay open because closing a packet socket waits for the kernel's other
// cores, milliseconds that no takeover should pay. Both receive only what was
// meant for this machine, after the fence and before the neighbour tables.

// openPacket makes the socket that sends ARP and ND and receives ARP.
func openPacket() (*socket.Conn, error) {
	c, err := socket.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0, "packet", nil)
	if errors.Is(err, unix.EPERM) {
		return nil, missing("CAP_NET_RAW")
	}
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	filter, err := arpFilter(nil)
	if err == nil {
		err = c.SetBPF(filter)
	}
	if err == nil {
		err = c.Bind(&unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ARP)})
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	return c, nil
}

// openICMP makes the socket that receives neighbour discovery. It is nil
// where the kernel has no IPv6.
func openICMP() (*socket.Conn, error) {
	c, err := socket.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, "icmpv6", nil)
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
		return nil, nil
	case errors.Is(err, unix.EPERM):
		return nil, missing("CAP_NET_RAW")
	case err != nil:
		return nil, fmt.Errorf("open icmpv6 socket: %w", err)
	}
	var block unix.ICMPv6Filter // a set bit keeps a type out
	for i := range block.Data {
		block.Data[i] = 1<<32 - 1
	}
	for _, t := range []ipv6.ICMPType{ipv6.ICMPTypeNeighborSolicitation, ipv6.ICMPTypeNeighborAdvertisement} {
		block.Data[t/32] &^= 1 << (t % 32)
	}
	err = errors.Join(
		c.SetsockoptICMPv6Filter(unix.IPPROTO_ICMPV6, 1 /* ICMP6_FILTER */, &block),
		c.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
		c.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1),
	)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("open icmpv6 socket: %w", err)
	}
	return c, nil
}

// send puts a packet on the wire by one interface; the kernel adds the link
// header for its kind.
func (h *Host) send(ctx context.Context, i Interface, protocol uint16, to []byte, packet []byte) error {
	sa := &unix.SockaddrLinklayer{Ifindex: i.Index, Protocol: bigEndian(protocol), Halen: uint8(len(to))}
	copy(sa.Addr[:], to)
	err := h.packet.Sendto(ctx, packet, 0, sa)
	switch {
	case errors.Is(err, unix.ENETDOWN):
		return fmt.Errorf("interface %s is down: set it up first", i.Name)
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return gone(i)
	case err != nil:
		return fmt.Errorf("send through %s: %w", i.Name, err)
	}
	return nil
}

// bigEndian is v in the byte order of the wire.
func bigEndian(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
