package vip

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestAnnounceMovesNeighbour moves an address between two machines under a
// peer that has it cached.
func TestAnnounceMovesNeighbour(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		ms := segment(t, 3)
		peer, addr := ms[2], a.Prefix.Addr()
		hosts := []*Host{ms[0].host(), ms[1].host()}
		check(t, hosts[0].Put(ms[0].eth0, a, 30*time.Second))
		ms[0].serve(addr, "first")
		eventually(t, "the first answers", func() bool { return peer.ask(addr) == "first" })

		check(t, hosts[0].Remove(ms[0].eth0, a))
		check(t, hosts[1].Put(ms[1].eth0, a, 30*time.Second))
		ms[1].serve(addr, "second")
		if got := peer.neighbour(addr); got != ms[0].eth0.HardwareAddr.String() {
			t.Fatalf("before the announcement the peer has %s at %q, want still the first machine", addr, got)
		}
		check(t, hosts[1].Announce(t.Context(), ms[1].eth0, addr, 1, 0))
		// One announcement is enough, and no failed packet before it takes effect.
		eventually(t, "the peer's entry moves", func() bool {
			return peer.neighbour(addr) == ms[1].eth0.HardwareAddr.String()
		})
		if got := peer.ask(addr); got != "second" {
			t.Errorf("%q answers, want the second machine", got)
		}
	})
}

// TestAnnounceFrames compares what is on the wire byte by byte.
func TestAnnounceFrames(t *testing.T) {
	const (
		own   = "020000000001"
		all   = "ffffffffffff"
		vip   = "0a4d0064"
		vip6s = "fd770000000000000000000000000100"
	)
	cases := []struct {
		name      string
		addr      netip.Addr
		etherType uint16
		router    string
		want      []string
	}{
		{"arp", vip4.Prefix.Addr(), unix.ETH_P_ARP, "0", []string{
			all + own + "0806" + "0001080006040001" + own + vip + "000000000000" + vip,
			all + own + "0806" + "0001080006040002" + own + vip + own + vip,
		}},
		{"nd", vip6.Prefix.Addr(), unix.ETH_P_IPV6, "0", []string{
			"333300000001" + own + "86dd" + "6000000000203aff" + vip6s + "ff020000000000000000000000000001" +
				"8800" + "57af" + "20000000" + vip6s + "0201" + own,
		}},
		{"nd of a router", vip6.Prefix.Addr(), unix.ETH_P_IPV6, "1", []string{
			"333300000001" + own + "86dd" + "6000000000203aff" + vip6s + "ff020000000000000000000000000001" +
				"8800" + "d7ae" + "a0000000" + vip6s + "0201" + own,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ms := segment(t, 2)
			m := ms[0]
			stale := m.eth0 // the hardware address changes after it was resolved
			hardware, err := hex.DecodeString(own)
			check(t, err)
			check(t, m.LinkSetHardwareAddr(m.device("eth0"), hardware))
			m.do(func() error { return writeSysctl("ipv6/conf/eth0/forwarding", c.router) })
			frames := ms[1].frames(c.etherType)
			h := m.host()
			check(t, m.try(func() error { return h.Announce(t.Context(), stale, c.addr, 2, time.Millisecond) }))
			for range 2 {
				for _, want := range c.want {
					frame := next(t, frames, "an announcement", func(f []byte) bool {
						return bytes.Contains(f, c.addr.AsSlice()) && bytes.Contains(f, hardware)
					})
					if got := hex.EncodeToString(frame); got != want {
						t.Errorf("frame\n%s, want\n%s", got, want)
					}
				}
			}
		})
	}
}

// TestAnnounceByOtherDevices carries the address on a bridge and on a
// macvlan instead of on the network card itself.
func TestAnnounceByOtherDevices(t *testing.T) {
	devices := map[string]func(m *machine, parent netlink.Link){
		"bridge": func(m *machine, parent netlink.Link) {
			check(m.tb, m.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "dev0"}}))
			check(m.tb, m.LinkSetMaster(parent, m.device("dev0")))
		},
		"macvlan": func(m *machine, parent netlink.Link) {
			check(m.tb, m.LinkAdd(&netlink.Macvlan{
				LinkAttrs: netlink.LinkAttrs{Name: "dev0", ParentIndex: parent.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE,
			}))
			m.do(func() error { return writeSysctl("ipv4/conf/eth0/arp_ignore", "1") })
		},
	}
	for name, add := range devices {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, a Address) {
				ms := segment(t, 2)
				m, peer, addr := ms[0], ms[1], a.Prefix.Addr()
				m.tb = t
				add(m, m.device("eth0"))
				check(t, m.LinkSetUp(m.device("dev0")))
				m.awaitUp("dev0")
				for _, p := range []netip.Prefix{netip.PrefixFrom(m.v4, 24), netip.PrefixFrom(m.v6, 64)} {
					m.remove("eth0", p)
					m.own("dev0", p)
				}
				dev := m.find("dev0")
				h := m.host()
				check(t, h.Put(dev, a, 30*time.Second))
				m.serve(addr, name)
				eventually(t, "the peer is answered", func() bool { return peer.ask(addr) == name })
				check(t, peer.NeighSet(&netlink.Neigh{
					LinkIndex: peer.eth0.Index, IP: addr.AsSlice(), State: unix.NUD_REACHABLE, HardwareAddr: peer.eth0.HardwareAddr,
				}))
				check(t, h.Announce(t.Context(), dev, addr, 1, 0))
				eventually(t, "the peer has the device's address", func() bool {
					return peer.neighbour(addr) == dev.HardwareAddr.String()
				})
				owner, found, err := ms[1].host().Probe(t.Context(), peer.eth0, addr, 5*time.Second)
				if err != nil || !found || owner.String() != dev.HardwareAddr.String() {
					t.Errorf("a probe finds %s, %v, %v, want %s", owner, found, err, dev.HardwareAddr)
				}
			})
		})
	}
}

func TestAnnounceRefuses(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	cases := []struct {
		name string
		i    Interface
		want string
	}{
		{"loopback", m.find("lo"), "interface lo has no Ethernet address"},
		{"gone", Interface{Name: "eth9", Index: 999}, "interface eth9 is gone"},
		{"down", m.eth0, "interface eth0 is down"},
	}
	check(t, m.LinkSetDown(m.device("eth0")))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := h.Announce(t.Context(), c.i, vip4.Prefix.Addr(), 1, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestAnnounceEndsWithContext(t *testing.T) {
	m := segment(t, 1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := m.host().Announce(ctx, m.eth0, vip4.Prefix.Addr(), 2, time.Hour)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}
