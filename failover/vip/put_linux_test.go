package vip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The two managed addresses of the tests.
var (
	vip4 = Address{Prefix: netip.MustParsePrefix("10.77.0.100/24")}
	vip6 = Address{Prefix: netip.MustParsePrefix("fd77::100/64")}
)

// both runs a test for each family.
func both(t *testing.T, test func(t *testing.T, a Address)) {
	t.Run("ipv4", func(t *testing.T) { test(t, vip4) })
	t.Run("ipv6", func(t *testing.T) { test(t, vip6) })
}

func TestPutAnswersNeighbours(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		ms := segment(t, 2)
		h, peer := ms[0].host(), ms[1]
		if got := peer.ask(a.Prefix.Addr()); got != "" {
			t.Fatalf("%q answers before anybody carries the address", got)
		}
		check(t, h.Put(ms[0].eth0, a, 30*time.Second))
		ms[0].serve(a.Prefix.Addr(), "first")
		eventually(t, "the peer is answered", func() bool { return peer.ask(a.Prefix.Addr()) == "first" })
		if got, want := peer.neighbour(a.Prefix.Addr()), ms[0].eth0.HardwareAddr.String(); got != want {
			t.Errorf("the peer has %s at %s, want %s", a, got, want)
		}
		check(t, h.Remove(ms[0].eth0, a))
		if ms[0].carries(single(a.Prefix.Addr())) != nil {
			t.Error("the address is still there after Remove")
		}
		check(t, h.Remove(ms[0].eth0, a)) // again, without harm
	})
}

// TestPutReturnsWhenLive: the first packet after Put must not be lost, unless
// the kernel needs longer than Put waits for it.
func TestPutReturnsWhenLive(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	for _, vip := range []string{"fd77::100/64", "fe80::100/64", "2001:db8::100/64"} {
		a := Address{Prefix: netip.MustParsePrefix(vip)}
		for range 20 {
			began := time.Now()
			check(t, h.Put(m.eth0, a, 30*time.Second))
			if took := time.Since(began); !h.live(m.eth0, a.Prefix.Addr()) && took < liveWithin {
				t.Fatalf("%s is not accepted after Put, which took %s", a, took)
			}
			eventually(t, "it is accepted", func() bool { return h.live(m.eth0, a.Prefix.Addr()) })
			check(t, h.Remove(m.eth0, a))
			if h.live(m.eth0, a.Prefix.Addr()) {
				t.Fatalf("%s is accepted after Remove", a)
			}
		}
	}
}

func TestPutMarksAndLimits(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		m := segment(t, 1)[0]
		h := m.host()
		check(t, h.Put(m.eth0, a, 29500*time.Millisecond))
		got := m.carries(single(a.Prefix.Addr()))
		if got == nil {
			t.Fatal("the address does not lie there as a single one")
		}
		if got.ValidLft < 28 || got.ValidLft > 30 || got.PreferedLft != 0 {
			t.Errorf("lifetimes are %d s and %d s, want about 30 and 0", got.ValidLft, got.PreferedLft)
		}
		if got.Flags&unix.IFA_F_NOPREFIXROUTE == 0 || got.Flags&unix.IFA_F_TENTATIVE != 0 {
			t.Errorf("flags are %#x, want no prefix route and not tentative", got.Flags)
		}
		if a.Prefix.Addr().Is4() && (got.Label != "eth0:hf" || got.Scope != unix.RT_SCOPE_HOST) {
			t.Errorf("label %q and scope %d, want eth0:hf and host", got.Label, got.Scope)
		}
		list, err := h.entries()
		check(t, err)
		for _, e := range list {
			if e.managed() != (e.prefix.Addr() == a.Prefix.Addr()) || e.managed() && e.proto != protocol {
				t.Errorf("%s is managed: %v, protocol %d", e.prefix, e.managed(), e.proto)
			}
		}
	})
}

func TestPutAddsNoRoute(t *testing.T) {
	for _, keep := range []bool{false, true} {
		both(t, func(t *testing.T, a Address) {
			a.KeepPrefix = keep
			a.Prefix = netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Bits()-2) // not the machine's own network
			m := segment(t, 1)[0]
			before := m.routes(family(a.Prefix.Addr()))
			check(t, m.host().Put(m.eth0, a, 30*time.Second))
			if after := m.routes(family(a.Prefix.Addr())); after != before {
				t.Errorf("routes were\n%s\nand are now\n%s", before, after)
			}
		})
	}
}

// routes returns the main routing table as text.
func (m *machine) routes(family int) string {
	list, err := m.RouteList(nil, family)
	check(m.tb, err)
	return fmt.Sprint(list)
}

// TestPutIsNoSource asks the kernel for the source address of connections
// that name none: to the own network, through a gateway, by a route made
// while the address lay there, and to a group by the interface.
func TestPutIsNoSource(t *testing.T) {
	cases := []struct {
		a        Address
		gateway  string
		networks []string
		targets  []string
	}{
		{vip4, "10.77.0.9", []string{"192.0.2.0/24", "203.0.113.0/24"}, []string{"10.77.0.2", "10.77.0.101", "192.0.2.1", "203.0.113.1", "224.0.0.251"}},
		{vip6, "fd77::9", []string{"2001:db8:1::/64", "2001:db8:2::/64"}, []string{"fd77::2", "fd77::101", "2001:db8:1::1", "2001:db8:2::1", "ff05::fb"}},
	}
	for _, c := range cases {
		t.Run(c.gateway, func(t *testing.T) {
			m := segment(t, 1)[0]
			check(t, m.host().Put(m.eth0, c.a, 30*time.Second))
			check(t, m.RouteAdd(&netlink.Route{Dst: ipNet(netip.MustParsePrefix(c.networks[0])), Gw: net.ParseIP(c.gateway)}))
			check(t, m.RouteAdd(&netlink.Route{Dst: ipNet(netip.MustParsePrefix(c.networks[1])), LinkIndex: m.eth0.Index}))
			for _, target := range c.targets {
				m.do(func() error {
					source, err := sourceTo(netip.MustParseAddr(target))
					if source == c.a.Prefix.Addr() || err == nil && source != m.v4 && source != m.v6 {
						t.Errorf("a connection to %s has source %s", target, source)
					}
					return err
				})
			}
			m.do(func() error { // but whoever asks for it gets it
				d := net.Dialer{LocalAddr: &net.UDPAddr{IP: c.a.Prefix.Addr().AsSlice()}}
				conn, err := d.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr(c.targets[0]), 7).String())
				if err == nil {
					conn.Close()
				}
				return err
			})
		})
	}
}

// sourceTo is the source address the kernel chooses by eth0 to a target.
func sourceTo(target netip.Addr) (netip.Addr, error) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if !target.IsMulticast() {
			return nil
		}
		failed := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), "eth0") })
		return errors.Join(failed, err)
	}}
	conn, err := d.Dial("udp", netip.AddrPortFrom(target, 7).String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), nil
}

func TestPutKeepsPrefixBesideOwn(t *testing.T) {
	m := segment(t, 1)[0]
	a := vip4
	a.KeepPrefix = true
	h := m.host()
	check(t, h.Put(m.eth0, a, 30*time.Second))
	check(t, h.Put(m.eth0, a, 60*time.Second))
	got := m.carries(a.Prefix)
	if got == nil || got.Flags&unix.IFA_F_SECONDARY == 0 || got.ValidLft < 50 {
		t.Fatalf("%s lies there as %+v, want a secondary address, renewed", a, got)
	}
	m.do(func() error {
		source, err := sourceTo(netip.MustParseAddr("10.77.0.2"))
		if source != m.v4 {
			t.Errorf("a connection has source %s, want %s", source, m.v4)
		}
		return err
	})
	check(t, h.Remove(m.eth0, a))
	if m.carries(a.Prefix) != nil {
		t.Error("the address is still there after Remove")
	}
}

func TestPutRenewsWithoutFlapping(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		m := segment(t, 1)[0]
		h := m.host()
		events := m.watch(h)
		check(t, h.Put(m.eth0, a, 5*time.Second))
		for range 50 {
			check(t, h.Put(m.eth0, a, 90*time.Second))
		}
		if got := m.carries(single(a.Prefix.Addr())); got == nil || got.ValidLft < 80 {
			t.Fatalf("the address is %+v, want it to live for 90 s", got)
		}
		check(t, h.Remove(m.eth0, a))
		next(t, events, "it is added", func(e Event) bool { return e.Kind == AddressAdded })
		if e := <-events; e.Kind != AddressRemoved {
			t.Errorf("then came %q, want nothing before the removal", e)
		}
	})
}

func TestUnrenewedRunsOut(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		m := segment(t, 1)[0]
		h := m.host()
		events := m.watch(h)
		check(t, h.Put(m.eth0, a, time.Second))
		e := next(t, events, "it runs out", func(e Event) bool { return e.Kind == AddressRemoved })
		if !e.Expired || e.Own || !e.Managed || e.Address.Prefix != single(a.Prefix.Addr()) {
			t.Errorf("the event is %+v, want the managed %s expired", e, a)
		}
	})
}

func TestPutRefuses(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	m.do(func() error { return writeSysctl("ipv6/conf/eth0/disable_ipv6", "1") })
	cases := []struct {
		name     string
		i        Interface
		a        Address
		validFor time.Duration
		want     string
	}{
		{"no lifetime", m.eth0, vip4, 0, "at least a second"},
		{"network address", m.eth0, Address{Prefix: netip.MustParsePrefix("10.77.0.0/24")}, time.Second, "address of the network itself"},
		{"interface gone", Interface{Name: "eth9", Index: 999}, vip4, time.Second, "interface eth9 is gone"},
		{"ipv6 disabled", m.eth0, vip6, time.Second, "net.ipv6.conf.eth0.disable_ipv6=0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := h.Put(c.i, c.a, c.validFor); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	check(t, h.Remove(Interface{Name: "eth9", Index: 999}, vip4)) // nothing there, nothing to do
}

// watch collects a Host's events, once it watches.
func (m *machine) watch(h *Host) <-chan Event {
	m.tb.Helper()
	events := make(chan Event, 256)
	m.start(func(ctx context.Context) error {
		return h.Watch(ctx, func(e Event) { events <- e })
	})
	next(m.tb, events, "the watch begins", func(e Event) bool { return e.Kind == Resync })
	return events
}
