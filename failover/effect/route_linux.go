package effect

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"holdfast/cluster"
)

// protocol marks our routes, as it marks our addresses (failover/vip).
const protocol = 0x48

// routeKey is what the kernel tells routes apart by.
type routeKey struct {
	dst           netip.Prefix
	table, metric int
}

// route is a route as it is to lie, or lies.
type route struct {
	routeKey
	via  netip.Addr
	link int
	src  netip.Addr
}

func (r route) String() string {
	s := "route " + r.dst.String()
	if r.via.IsValid() {
		s += " via " + r.via.String()
	}
	if r.table != unix.RT_TABLE_MAIN {
		s += fmt.Sprintf(" table %d", r.table)
	}
	if r.metric != 0 {
		s += fmt.Sprintf(" metric %d", r.metric)
	}
	return s
}

// setRoutes makes our routes those that are wanted. A route of somebody else is left alone.
func (h *Host) setRoutes(want []Wanted, prune bool, done *Changes, fail func(string, error)) {
	wanted, groups := wantedRoutes(want, fail)
	if len(wanted) == 0 && len(h.routes) == 0 && !prune {
		return
	}
	n, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		fail("", fmt.Errorf("open netlink: %w", err))
		return
	}
	defer n.Close()
	_ = n.SetStrictCheck(true) // where the kernel does not filter, we do
	have, err := ownRoutes(n)
	if err != nil {
		fail("", err)
		return
	}
	for i, r := range wanted {
		at := slices.IndexFunc(have, func(o route) bool { return o.routeKey == r.routeKey })
		if at >= 0 && have[at] == r {
			h.routes[r.routeKey] = true
			continue
		}
		restored := h.routes[r.routeKey]
		if err := putRoute(n, r, at >= 0 || restored); err != nil {
			fail(groups[i], err)
			continue
		}
		h.routes[r.routeKey] = true
		if restored && at < 0 {
			done.Restored = append(done.Restored, r.String())
		} else {
			done.Added = append(done.Added, r.String())
		}
	}
	if !prune {
		return
	}
	for _, r := range have {
		if slices.ContainsFunc(wanted, func(w route) bool { return w.routeKey == r.routeKey }) {
			continue
		}
		if err := n.RouteDel(r.netlink()); err != nil && !errors.Is(err, unix.ESRCH) {
			fail("", fmt.Errorf("%s cannot be removed: %w", r, err))
			continue
		}
		done.Removed = append(done.Removed, r.String())
	}
	for k := range h.routes {
		if !slices.ContainsFunc(wanted, func(w route) bool { return w.routeKey == k }) {
			delete(h.routes, k)
		}
	}
}

// wantedRoutes are the routes of the groups that are open, with the names of the groups.
func wantedRoutes(want []Wanted, fail func(string, error)) (routes []route, groups []string) {
	for _, w := range want {
		if !w.Open {
			continue
		}
		for _, x := range w.Effects.Routes {
			r, err := resolve(x)
			if err == nil && slices.ContainsFunc(routes, func(o route) bool { return o.routeKey == r.routeKey && o != r }) {
				err = fmt.Errorf("%s is wanted by another group too, and otherwise", r)
			}
			if err != nil {
				fail(w.Group, err)
				continue
			}
			routes, groups = append(routes, r), append(groups, w.Group)
		}
	}
	return routes, groups
}

// resolve finds the interface, and fills in what the kernel would.
func resolve(x cluster.Route) (route, error) {
	r := route{routeKey{x.Destination, cmp.Or(x.Table, unix.RT_TABLE_MAIN), x.Metric}, x.Via, 0, x.Source}
	if x.Destination.Addr().Is6() {
		r.metric = cmp.Or(x.Metric, 1024)
	}
	if x.Interface != "" {
		l, err := net.InterfaceByName(x.Interface)
		if err != nil {
			return r, fmt.Errorf("route %s: this machine has no interface %s", x.Destination, x.Interface)
		}
		r.link = l.Index
		return r, nil
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return r, fmt.Errorf("route %s: list interfaces: %w", x.Destination, err)
	}
	for _, i := range ifs {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.IsSingleIP() && p.Contains(x.Via) {
				r.link = i.Index
				return r, nil
			}
		}
	}
	return r, fmt.Errorf("route %s: no interface of this machine has an address in the network of %s: name one with dev = \"...\"", x.Destination, x.Via)
}

// ownRoutes are our routes in all tables.
func ownRoutes(n *netlink.Handle) ([]route, error) {
	var out []route
	filter := &netlink.Route{Protocol: protocol, Table: unix.RT_TABLE_UNSPEC}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := n.RouteListFiltered(family, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
		if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
			return nil, fmt.Errorf("list routes: %w", err)
		}
		for _, x := range list {
			r := route{routeKey{prefix(x.Dst, family), x.Table, x.Priority}, addr(x.Gw), x.LinkIndex, addr(x.Src)}
			if x.Dst == nil {
				r.dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
				if family == netlink.FAMILY_V6 {
					r.dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
				}
			}
			out = append(out, r)
		}
	}
	return out, nil
}

func prefix(n *net.IPNet, family int) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a := addr(n.IP)
	if family == netlink.FAMILY_V6 && !a.IsValid() {
		a = netip.IPv6Unspecified()
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a, bits)
}

func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

func (r route) netlink() *netlink.Route {
	n := &netlink.Route{
		Dst:       &net.IPNet{IP: r.dst.Addr().AsSlice(), Mask: net.CIDRMask(r.dst.Bits(), r.dst.Addr().BitLen())},
		LinkIndex: r.link, Table: r.table, Priority: r.metric, Protocol: protocol,
	}
	if r.via.IsValid() {
		n.Gw = r.via.AsSlice()
		n.Flags = int(netlink.FLAG_ONLINK) // the next hop need not lie in a network of ours: a VIP brings none
	} else {
		n.Scope = netlink.SCOPE_LINK
	}
	if r.src.IsValid() {
		n.Src = r.src.AsSlice()
	}
	return n
}

// putRoute adds a route. ours says that what lies in its place may be replaced.
func putRoute(n *netlink.Handle, r route, ours bool) error {
	var err error
	if ours {
		err = n.RouteReplace(r.netlink())
	} else {
		err = n.RouteAdd(r.netlink())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%s: this machine has a route of its own to that destination, in that table and with that metric: give the group's another metric", r)
	case errors.Is(err, unix.ENETDOWN):
		return fmt.Errorf("%s cannot be added: its interface is down", r)
	case errors.Is(err, unix.EINVAL) && r.src.IsValid():
		return fmt.Errorf("%s cannot be added: is %s an address of this machine? %w", r, r.src, err)
	}
	return fmt.Errorf("%s cannot be added: %w", r, err)
}
