package vip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// skipStatistics asks the kernel to leave counters out of link messages.
const skipStatistics = 1 << 3 // RTEXT_FILTER_SKIP_STATS

// link is an interface as the kernel has it.
type link struct {
	Interface
	flags uint32
}

// up reports whether packets can pass: set up, and with carrier.
func (l link) up() bool {
	return l.flags&unix.IFF_UP != 0 && l.flags&unix.IFF_RUNNING != 0
}

func (l link) loopback() bool { return l.flags&unix.IFF_LOOPBACK != 0 }

// parseLink reads the body of an RTM_NEWLINK or RTM_DELLINK message.
func parseLink(b []byte) (link, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return link{}, fmt.Errorf("parse link message: %d bytes are too few", len(b))
	}
	var l link
	l.Index = int(int32(binary.NativeEndian.Uint32(b[4:])))
	l.flags = binary.NativeEndian.Uint32(b[8:])
	for kind, value := range attributes(b[unix.SizeofIfInfomsg:]) {
		switch kind {
		case unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(value)
		case unix.IFLA_ADDRESS:
			l.HardwareAddr = net.HardwareAddr(slices.Clone(value))
		}
	}
	return l, nil
}

// links returns all interfaces of the machine.
func (h *Host) links() ([]link, error) {
	body := nl.NewIfInfomsg(unix.AF_UNSPEC)
	messages, err := h.dump(unix.RTM_GETLINK, unix.RTM_NEWLINK, body, nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStatistics)))
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	list := make([]link, 0, len(messages))
	for _, m := range messages {
		l, err := parseLink(m)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// link returns the interface as it is now: its hardware address may have
// changed since it was resolved.
func (h *Host) link(i Interface) (link, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	body := nl.NewIfInfomsg(unix.AF_UNSPEC)
	body.Index = int32(i.Index)
	req.AddData(body)
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStatistics)))
	req.Sockets = h.netlink
	messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	switch {
	case errors.Is(err, unix.ENODEV):
		return link{}, gone(i)
	case err != nil:
		return link{}, fmt.Errorf("look up interface %s: %w", i, err)
	case len(messages) == 0:
		return link{}, gone(i)
	}
	return parseLink(messages[0])
}

// ethernet returns the interface as it is now if it can speak ARP and ND.
func (h *Host) ethernet(i Interface) (link, error) {
	l, err := h.link(i)
	if err != nil {
		return link{}, err
	}
	if len(l.HardwareAddr) != 6 || l.loopback() {
		return link{}, fmt.Errorf("interface %s has no Ethernet address: name one that neighbours can reach", i)
	}
	return l, nil
}

// gone is the sentence for an interface that does not exist any more.
func gone(i Interface) error {
	return fmt.Errorf("interface %s is gone: wait until it is back, or name another one", i)
}

// entries returns all addresses of the machine.
func (h *Host) entries() ([]entry, error) {
	messages, err := h.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	list := make([]entry, 0, len(messages))
	for _, m := range messages {
		e, err := parseEntry(m)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}
