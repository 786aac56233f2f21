package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	mtu           = 1500
	settleTimeout = 20 * time.Second
)

// port is one machine's cable to one switch: a pair of virtual Ethernet devices, the machine's end and the switch's. The faults it
// has outlive the cable, so that a machine that is powered on again comes back into them. The lab's mu guards it.
type port struct {
	segment    *segment
	machine    string
	host       int
	mac        net.HardwareAddr
	ipv4, ipv6 netip.Prefix

	end  netlink.Link // the switch's end; nil while the machine has no power
	far  *netlink.Handle
	name string // of the machine's end

	unplugged bool
	silent    bool
	deaf      map[string]bool // machines whose frames do not come out of this port
	rate      uint64          // bits per second in each direction; 0 is unlimited
}

// connect makes the cable between the switch and a namespace, gives the far end its addresses, and applies the port's faults.
func (p *port) connect(ns netns.NsHandle, far *netlink.Handle, name string) error {
	s := p.segment
	veth := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: fmt.Sprintf("port%d", p.host), MTU: mtu, MasterIndex: s.bridge.Attrs().Index},
		PeerName:         name,
		PeerHardwareAddr: p.mac,
		PeerNamespace:    netlink.NsFd(ns),
	}
	if err := s.netlink.LinkAdd(veth); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = fmt.Errorf("this kernel has no virtual Ethernet pairs (module veth, CONFIG_VETH): %w", err)
		}
		return fmt.Errorf("connect %s to network %q: %w", p.machine, s.Name, err)
	}
	end, err := s.netlink.LinkByName(veth.Name)
	if err != nil {
		return err
	}
	p.end, p.far, p.name = end, far, name
	if err := p.configure(); err != nil {
		return fmt.Errorf("configure the port of %s on network %q: %w", p.machine, s.Name, err)
	}
	return nil
}

func (p *port) configure() error {
	if err := p.segment.addClsact(p.end); err != nil {
		return err
	}
	eth, err := p.far.LinkByName(p.name)
	if err != nil {
		return err
	}
	for _, prefix := range []netip.Prefix{p.ipv4, p.ipv6} {
		if prefix.IsValid() {
			if err := p.far.AddrAdd(eth, address(prefix)); err != nil {
				return fmt.Errorf("add %s: %w", prefix, err)
			}
		}
	}
	if err := p.far.LinkSetUp(eth); err != nil {
		return err
	}
	if err := p.introduceObserver(eth); err != nil {
		return fmt.Errorf("introduce the observer: %w", err)
	}
	return errors.Join(p.applyFilters(), p.applyCarrier(), p.applyRate())
}

// introduceObserver tells a machine the observer's hardware address for good. If it had to ask, it would ask everyone in the name of
// the virtual IP that it answers for, and so announce itself to the client as a side effect of being watched.
func (p *port) introduceObserver(eth netlink.Link) error {
	o := p.segment.ports[observerName]
	if o == nil || o == p {
		return nil
	}
	for _, prefix := range []netip.Prefix{o.ipv4, o.ipv6} {
		if !prefix.IsValid() {
			continue
		}
		err := p.far.NeighSet(&netlink.Neigh{
			LinkIndex:    eth.Attrs().Index,
			State:        netlink.NUD_PERMANENT,
			IP:           prefix.Addr().AsSlice(),
			HardwareAddr: o.mac,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// disconnect pulls the cable out at both ends at once: neither exists afterwards.
func (p *port) disconnect() error {
	if p.end == nil {
		return nil
	}
	err := p.segment.netlink.LinkDel(p.end)
	p.end, p.far = nil, nil
	return err
}

// applyCarrier makes the cable plugged or not. The machine's end loses its carrier when the switch's end goes down.
func (p *port) applyCarrier() error {
	if p.end == nil {
		return nil
	}
	if p.unplugged {
		return p.segment.netlink.LinkSetDown(p.end)
	}
	if err := p.segment.netlink.LinkSetUp(p.end); err != nil {
		return err
	}
	return p.settle()
}

// settle waits until frames pass, which the kernel sees to a moment after the device is up. A far end that its own machine has taken down
// is not waited for.
func (p *port) settle() error {
	for deadline := time.Now().Add(settleTimeout); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		near, err := p.segment.netlink.LinkByIndex(p.end.Attrs().Index)
		if err != nil {
			return err
		}
		far, err := p.far.LinkByName(p.name)
		if err != nil {
			return err
		}
		up := near.Attrs().OperState == netlink.OperUp && far.Attrs().OperState == netlink.OperUp
		if up || far.Attrs().Flags&net.FlagUp == 0 {
			return nil
		}
	}
	return fmt.Errorf("the cable of %s to network %q has no carrier after %s", p.machine, p.segment.Name, settleTimeout)
}

// applyFilters makes the switch drop what this port shall not hear or say.
func (p *port) applyFilters() error {
	if p.end == nil {
		return nil
	}
	in, out := dropNone(), p.outFilter()
	if p.silent {
		in, out = dropAll(), dropAll()
	}
	s := p.segment
	return errors.Join(s.setFilter(p.end, netlink.HANDLE_MIN_EGRESS, out), s.setFilter(p.end, netlink.HANDLE_MIN_INGRESS, in))
}

func (p *port) outFilter() []bpf.Instruction {
	var sources []net.HardwareAddr
	for machine := range p.deaf {
		if from := p.segment.ports[machine]; from != nil {
			sources = append(sources, from.mac)
		}
	}
	if len(sources) == 0 {
		return dropNone()
	}
	return dropFrom(sources)
}

// applyRate makes the cable as slow as it shall be, in both directions.
func (p *port) applyRate() error {
	if p.end == nil {
		return nil
	}
	eth, err := p.far.LinkByName(p.name)
	if err != nil {
		return err
	}
	return errors.Join(setRate(p.segment.netlink, p.end, p.rate), setRate(p.far, eth, p.rate))
}

// setRate puts a token bucket on a device, or takes it away.
func setRate(h *netlink.Handle, link netlink.Link, bits uint64) error {
	tbf := &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0)},
		Rate:       bits / 8,
		Limit:      256 << 10,
	}
	if bits == 0 {
		err := h.QdiscDel(tbf)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) { // there is none
			return nil
		}
		return err
	}
	const burst, tick = 2 * (mtu + 14), 64 // bytes at once, and the kernel's unit for the time they take, in nanoseconds
	tbf.Buffer = uint32(burst * uint64(time.Second) / tbf.Rate / tick)
	err := h.QdiscReplace(tbf)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("this kernel has no token bucket filter (module sch_tbf, CONFIG_NET_SCH_TBF): %w", err)
	}
	return err
}

// address is a prefix as netlink wants it, in use at once.
func address(prefix netip.Prefix) *netlink.Addr {
	ip := prefix.Addr()
	a := &netlink.Addr{IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(prefix.Bits(), ip.BitLen())}}
	if ip.Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}
