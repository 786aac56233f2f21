package vip

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// conflicts collects what a Host hears about the addresses.
func (m *machine) conflicts(h *Host, addrs ...netip.Addr) <-chan Conflict {
	m.tb.Helper()
	heard := make(chan Conflict, 16)
	m.start(func(ctx context.Context) error {
		return h.Conflicts(ctx, m.eth0, addrs, func(c Conflict) { heard <- c })
	})
	eventually(m.tb, "the Host listens", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.listeners) == 1
	})
	return heard
}

// TestConflictsHearsForeignClaim lets a second machine take the address while
// the first one serves it.
func TestConflictsHearsForeignClaim(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		ms := segment(t, 2)
		addr := a.Prefix.Addr()
		first, second := ms[0].host(), ms[1].host()
		check(t, first.Put(ms[0].eth0, a, 30*time.Second))
		heard := ms[0].conflicts(first, vip4.Prefix.Addr(), vip6.Prefix.Addr())

		check(t, first.Announce(t.Context(), ms[0].eth0, addr, 3, time.Millisecond)) // our own are none
		check(t, second.Announce(t.Context(), ms[1].eth0, netip.MustParseAddr("10.77.0.101"), 1, 0))
		check(t, second.Announce(t.Context(), ms[1].eth0, addr, 5, time.Millisecond))
		want := Conflict{addr, ms[1].eth0.HardwareAddr}
		got := next(t, heard, "the claim", func(Conflict) bool { return true })
		if got.Addr != want.Addr || got.HardwareAddr.String() != want.HardwareAddr.String() {
			t.Errorf("the conflict is %v, want %v", got, want)
		}
		select {
		case c := <-heard:
			t.Errorf("also heard %v, want one report for all of its claims", c)
		default:
		}
	})
}

// TestConflictsHearsUseAsSource counts a machine that asks for a third one in
// the address's name.
func TestConflictsHearsUseAsSource(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		ms := segment(t, 2)
		h := ms[0].host()
		check(t, h.Put(ms[0].eth0, a, 30*time.Second))
		heard := ms[0].conflicts(h, a.Prefix.Addr())
		check(t, ms[1].AddrAdd(ms[1].device("eth0"), &netlink.Addr{IPNet: ipNet(single(a.Prefix.Addr())), Flags: nodad(a.Prefix)}))
		target := ms[0].v4
		if a.Prefix.Addr().Is6() {
			target = ms[0].v6
		}
		fd := -1
		ms[1].do(func() (err error) {
			fd, err = unix.Socket(family(target), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			return err
		})
		defer unix.Close(fd)
		from, to := sockaddr(a.Prefix.Addr()), sockaddr(target)
		check(t, unix.Bind(fd, from))
		check(t, unix.Sendto(fd, []byte("x"), 0, to))
		got := next(t, heard, "the claim", func(Conflict) bool { return true })
		if got.HardwareAddr.String() != ms[1].eth0.HardwareAddr.String() {
			t.Errorf("the conflict is %v, want one with %s", got, ms[1].eth0.HardwareAddr)
		}
	})
}

func sockaddr(ip netip.Addr) unix.Sockaddr {
	if ip.Is4() {
		return &unix.SockaddrInet4{Addr: ip.As4(), Port: 7}
	}
	return &unix.SockaddrInet6{Addr: ip.As16(), Port: 7}
}

// TestConflictsIgnoresOwnInterfaces has the machine's second interface in the
// same segment claim the address: that is no other machine.
func TestConflictsIgnoresOwnInterfaces(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		ms := segment(t, 2)
		m, addr := ms[0], a.Prefix.Addr()
		check(t, m.LinkAdd(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{
			Name: "eth1", ParentIndex: m.eth0.Index,
		}, Mode: netlink.MACVLAN_MODE_BRIDGE}))
		check(t, m.LinkSetUp(m.device("eth1")))
		m.awaitUp("eth1")
		h := m.host()
		check(t, h.Put(m.eth0, a, 30*time.Second))
		heard := m.conflicts(h, addr)
		check(t, h.Announce(t.Context(), m.find("eth1"), addr, 2, time.Millisecond))
		check(t, ms[1].host().Announce(t.Context(), ms[1].eth0, addr, 1, 0))
		got := next(t, heard, "the other machine's claim", func(Conflict) bool { return true })
		if got.HardwareAddr.String() != ms[1].eth0.HardwareAddr.String() {
			t.Errorf("the first conflict is %v, want that of the other machine", got)
		}
	})
}

func TestConflictLogDropsRepetitions(t *testing.T) {
	a, b := vip4.Prefix.Addr(), vip6.Prefix.Addr()
	x, y := []byte{2, 0, 0, 0, 0, 1}, []byte{2, 0, 0, 0, 0, 2}
	log := conflictLog{}
	start := time.Now()
	for n, step := range []struct {
		after time.Duration
		c     claim
		fresh bool
	}{
		{0, claim{addr: a, hardware: x}, true},
		{repeatAfter / 2, claim{addr: a, hardware: x}, false},
		{repeatAfter / 2, claim{addr: b, hardware: x}, true},
		{repeatAfter / 2, claim{addr: a, hardware: y}, true},
		{repeatAfter, claim{addr: a, hardware: y}, false},
		{2 * repeatAfter, claim{addr: a, hardware: y}, true},
	} {
		if got := log.fresh(step.c, start.Add(step.after)); got != step.fresh {
			t.Errorf("step %d is fresh: %v, want %v", n, got, step.fresh)
		}
	}
}
