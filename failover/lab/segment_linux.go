package lab

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// segment is a Network at work: a bridge alone in a network namespace, the switch, with one port for each machine.
type segment struct {
	Network
	index    int // among the lab's networks
	ns       netns.NsHandle
	netlink  *netlink.Handle
	raw      map[int]*nl.SocketHandle // for requests that the netlink package does not know
	bridge   netlink.Link
	ports    map[string]*port // by machine
	observer netns.NsHandle   // what hangs on the port of the observer, which is no machine
	inside   *netlink.Handle  // in the observer
}

// newSegment makes the switch without ports. The caller closes it, even if it is returned with an error.
func newSegment(n Network, index int) (s *segment, err error) {
	s = &segment{Network: n, index: index, ns: netns.None(), observer: netns.None(), ports: make(map[string]*port)}
	quiet := func() error { return setSysctl("ipv6/conf/default/disable_ipv6", "1") } // a switch says nothing of its own
	if s.ns, err = newNetNS(quiet); err != nil {
		return s, err
	}
	if s.netlink, err = netlink.NewHandleAt(s.ns, unix.NETLINK_ROUTE); err != nil {
		return s, fmt.Errorf("open netlink in the switch: %w", err)
	}
	socket, err := nl.GetNetlinkSocketAt(s.ns, netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return s, fmt.Errorf("open netlink in the switch: %w", err)
	}
	s.raw = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	snooping := false // multicast goes to every port, as through the plainest of switches
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "switch", MTU: mtu}, MulticastSnooping: &snooping}
	if err = s.netlink.LinkAdd(bridge); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = fmt.Errorf("this kernel has no bridge (module bridge, CONFIG_BRIDGE): %w", err)
		}
		return s, fmt.Errorf("add the switch: %w", err)
	}
	if s.bridge, err = s.netlink.LinkByName("switch"); err != nil {
		return s, err
	}
	return s, s.netlink.LinkSetUp(s.bridge)
}

// addPort reserves a machine's port and its addresses; connect puts the cable in.
func (s *segment) addPort(machine string, host int) *port {
	p := &port{
		segment: s,
		machine: machine,
		host:    host,
		mac:     hardwareAddr(s.index, host),
		ipv4:    s.host4(host),
		ipv6:    s.host6(host),
		deaf:    make(map[string]bool),
	}
	s.ports[machine] = p
	return p
}

// addObserver makes the observer's namespace and connects it.
func (s *segment) addObserver() (err error) {
	dad := func() error { return setSysctl("ipv6/conf/default/accept_dad", "0") }
	if s.observer, err = newNetNS(dad); err != nil {
		return err
	}
	if s.inside, err = netlink.NewHandleAt(s.observer, unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink in the observer: %w", err)
	}
	return s.addPort(observerName, observerHost).connect(s.observer, s.inside, "eth0")
}

// close lets go of the switch; its links and those of the observer vanish with it.
func (s *segment) close() {
	for _, h := range []*netlink.Handle{s.netlink, s.inside} {
		if h != nil {
			h.Close()
		}
	}
	for _, h := range s.raw {
		h.Close()
	}
	for _, ns := range []netns.NsHandle{s.ns, s.observer} {
		if ns.IsOpen() {
			_ = ns.Close()
		}
	}
}
