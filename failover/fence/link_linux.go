package fence

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

// linkByIndex finds an interface and tells how its packets begin.
func linkByIndex(index int) (link, error) {
	found, err := netlink.LinkByIndex(index)
	if err != nil {
		return link{}, fmt.Errorf("find interface %d: %w", index, err)
	}
	at := found.Attrs()
	l := link{index: at.Index, name: at.Name}
	if at.Flags&net.FlagLoopback != 0 {
		return l, fmt.Errorf("%s is the loopback interface, which reaches no network: attach the others", l.name)
	}
	switch at.EncapType {
	case "ether":
		l.ether = true
	case "none", "rawip", "ppp": // tun, WireGuard, modems: packets begin with the IP header
	default:
		return l, fmt.Errorf("%s has link type %s: only Ethernet and bare IP interfaces can be fenced, so it may not carry a managed address", l.name, at.EncapType)
	}
	return l, nil
}

// localLinks lists every interface that could carry a fence.
func localLinks() ([]link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var links []link
	for _, i := range all {
		if l, err := linkByIndex(i.Index); err == nil {
			links = append(links, l)
		}
	}
	return links, nil
}
