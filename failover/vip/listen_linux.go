package vip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// listener takes the claims to some addresses that come in by one interface.
type listener struct {
	index  int
	addrs  []netip.Addr
	claims chan claim
}

// listen begins to take claims. The caller ends it.
func (h *Host) listen(i Interface, addrs []netip.Addr) (l *listener, end func(), err error) {
	if h.icmp == nil && slices.ContainsFunc(addrs, netip.Addr.Is6) {
		return nil, nil, fmt.Errorf("listen on %s: this kernel has no IPv6", i)
	}
	l = &listener{i.Index, addrs, make(chan claim, 16)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[l] = struct{}{}
	end = func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.listeners, l)
		_ = h.filterLocked() // with the old filter we only hear more than we need
	}
	if err := h.filterLocked(); err != nil {
		delete(h.listeners, l)
		return nil, nil, err
	}
	return l, end, nil
}

// filterLocked has the kernel pass on ARP about the addresses listened for
// and no other, so that a busy segment does not wake us.
func (h *Host) filterLocked() error {
	var addrs []netip.Addr
	for l := range h.listeners {
		addrs = append(addrs, l.addrs...)
	}
	filter, err := arpFilter(addrs)
	if err == nil {
		err = h.packet.SetBPF(filter)
	}
	if err != nil {
		return fmt.Errorf("filter arp for %d addresses: %w", len(addrs), err)
	}
	return nil
}

// arpFilter passes ARP packets whose sender is one of the addresses.
func arpFilter(addrs []netip.Addr) ([]bpf.RawInstruction, error) {
	program := []bpf.Instruction{bpf.LoadAbsolute{Off: arpSenderIP, Size: 4}}
	for _, a := range addrs {
		if !a.Is4() {
			continue
		}
		b := a.As4()
		value := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: value, SkipFalse: 1}, bpf.RetConstant{Val: arpLength})
	}
	return bpf.Assemble(append(program, bpf.RetConstant{Val: 0}))
}

// receiveARP passes on ARP claims until the socket is closed.
func (h *Host) receiveARP() {
	b := make([]byte, arpLength)
	for {
		n, from, err := h.packet.Recvfrom(context.Background(), b, 0)
		if transient(err) {
			continue
		}
		if err != nil {
			return
		}
		sa, ok := from.(*unix.SockaddrLinklayer)
		if !ok || sa.Pkttype == unix.PACKET_OTHERHOST || sa.Pkttype == unix.PACKET_OUTGOING {
			continue // another host's, or of a VLAN that is not ours
		}
		if c, ok := claimFromARP(b[:n]); ok {
			c.index = sa.Ifindex
			h.dispatch(c)
		}
	}
}

// receiveND passes on ND claims until the socket is closed.
func (h *Host) receiveND() {
	b, oob := make([]byte, 1500), make([]byte, 128)
	for {
		n, nOOB, _, from, err := h.icmp.Recvmsg(context.Background(), b, oob, 0)
		if transient(err) {
			continue
		}
		if err != nil {
			return
		}
		var control ipv6.ControlMessage
		sa, ok := from.(*unix.SockaddrInet6)
		if !ok || control.Parse(oob[:nOOB]) != nil {
			continue
		}
		if c, ok := claimFromND(b[:n], netip.AddrFrom16(sa.Addr), control.HopLimit); ok {
			c.index = control.IfIndex
			h.dispatch(c)
		}
	}
}

// transient errors say nothing about the next packet.
func transient(err error) bool {
	return errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENETDOWN)
}

// dispatch hands a claim to those who listen for it. One who does not keep up
// loses it: who claims an address goes on doing so.
func (h *Host) dispatch(c claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if l.index != c.index {
			continue
		}
		for _, a := range l.addrs {
			if a != c.addr {
				continue
			}
			select {
			case l.claims <- c:
			default:
			}
		}
	}
}
