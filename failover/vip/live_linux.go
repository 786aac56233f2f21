package vip

import (
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The kernel acknowledges an IPv6 address before it takes it up: the local
// route comes from a work queue, mostly 0.1 to 1 ms later, and packets that
// arrive before are dropped. These bound the wait for it.
const (
	liveWithin = 50 * time.Millisecond
	livePoll   = 50 * time.Microsecond
)

// awaitLive returns when the kernel accepts packets for ip. It gives up after
// a while: the address is there, only not in use yet.
func (h *Host) awaitLive(i Interface, ip netip.Addr) {
	for began := time.Now(); !h.live(i, ip) && time.Since(began) < liveWithin; {
		time.Sleep(livePoll)
	}
}

// live reports whether ip's route is local.
func (h *Host) live(i Interface, ip netip.Addr) bool {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	head := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family(ip)), Dst_len: uint8(ip.BitLen())}}
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, ip.AsSlice()))
	if ip.IsLinkLocalUnicast() {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(i.Index))))
	}
	req.Sockets = h.netlink
	messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	const routeType = 7 // offset in struct rtmsg
	return err == nil && len(messages) > 0 && len(messages[0]) > routeType && messages[0][routeType] == unix.RTN_LOCAL
}
