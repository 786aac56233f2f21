package vip

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func TestWatchSeesForeignRemoval(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		m := segment(t, 1)[0]
		h := m.host()
		events := m.watch(h)
		p := single(a.Prefix.Addr())
		check(t, h.Put(m.eth0, a, 30*time.Second))
		e := next(t, events, "it is added", func(e Event) bool { return e.Kind == AddressAdded })
		if !e.Managed || e.Interface.Name != "eth0" || e.Address.Prefix != p {
			t.Errorf("the event is %+v, want the managed %s on eth0", e, p)
		}
		m.remove("eth0", p)
		e = next(t, events, "it is removed", func(e Event) bool { return e.Kind == AddressRemoved })
		if !e.Managed || e.Own || e.Expired || e.Interface.Name != "eth0" || e.Address.Prefix != p {
			t.Errorf("the event is %+v, want the managed %s removed from eth0 by something else", e, p)
		}
		// Our own removal is told from it, also when the address was put back.
		check(t, h.Put(m.eth0, a, 30*time.Second))
		check(t, h.Remove(m.eth0, a))
		check(t, h.Remove(m.eth0, a))
		e = next(t, events, "it is removed", func(e Event) bool { return e.Kind == AddressRemoved })
		if !e.Own {
			t.Errorf("the event is %+v, want our own", e)
		}
		check(t, h.Put(m.eth0, a, 30*time.Second))
		m.remove("eth0", p)
		e = next(t, events, "it is removed", func(e Event) bool { return e.Kind == AddressRemoved })
		if e.Own {
			t.Errorf("the event is %+v, want something else's", e)
		}
	})
}

// TestWatchNamesProcess removes the address with another program.
func TestWatchNamesProcess(t *testing.T) {
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("needs the ip program, to remove an address as an operator would")
	}
	m := segment(t, 1)[0]
	h := m.host()
	events := m.watch(h)
	check(t, h.Put(m.eth0, vip4, 30*time.Second))
	cmd := exec.Command(ip, "address", "del", "10.77.0.100/32", "dev", "eth0")
	m.do(cmd.Run)
	e := next(t, events, "it is removed", func(e Event) bool { return e.Kind == AddressRemoved })
	if !strings.Contains(e.By, "pid "+strconv.Itoa(cmd.Process.Pid)) {
		t.Errorf("it was removed by %q, want ip with pid %d", e.By, cmd.Process.Pid)
	}
	if want := "10.77.0.100 was removed from eth0 by " + e.By; e.String() != want {
		t.Errorf("the event reads %q, want %q", e, want)
	}
}

func TestWatchSeesLinks(t *testing.T) {
	ms := segment(t, 1)
	m := ms[0]
	h := m.host()
	events := m.watch(h)
	step := func(what string, act error, kind EventKind) Event {
		t.Helper()
		check(t, act)
		return next(t, events, what, func(e Event) bool { return e.Kind == kind && e.Interface.Name == "eth0" })
	}
	step("it goes down", m.LinkSetDown(m.device("eth0")), LinkDown)
	hardware := []byte{2, 0, 0, 0, 0, 9}
	e := step("its address changes", m.LinkSetHardwareAddr(m.device("eth0"), hardware), HardwareAddrChanged)
	if e.Interface.HardwareAddr.String() != "02:00:00:00:00:09" {
		t.Errorf("its hardware address is now %s", e.Interface.HardwareAddr)
	}
	step("it comes up", m.LinkSetUp(m.device("eth0")), LinkUp)
	// An interface that joins and leaves a bridge is not gone.
	check(t, m.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
	check(t, m.LinkSetMaster(m.device("eth0"), m.device("br0")))
	check(t, m.LinkSetNoMaster(m.device("eth0")))
	check(t, h.Put(m.eth0, vip4, 30*time.Second))
	next(t, events, "the address", func(e Event) bool {
		if e.Kind == LinkGone {
			t.Errorf("%s, but it has only left the bridge", e)
		}
		return e.Kind == AddressAdded
	})
	step("it goes", m.LinkDel(m.device("eth0")), LinkGone)
}

// TestWatchSeesCable pulls the other end.
func TestWatchSeesCable(t *testing.T) {
	m := namespace(t)
	check(t, m.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "far"}))
	check(t, m.LinkSetUp(m.device("eth0")))
	check(t, m.LinkSetUp(m.device("far")))
	m.awaitUp("eth0")
	events := m.watch(m.host())
	check(t, m.LinkSetDown(m.device("far")))
	next(t, events, "the cable is out", func(e Event) bool { return e.Kind == LinkDown && e.Interface.Name == "eth0" })
	check(t, m.LinkSetUp(m.device("far")))
	next(t, events, "the cable is in", func(e Event) bool { return e.Kind == LinkUp && e.Interface.Name == "eth0" })
}

// TestWatchResyncs floods a watch whose receiver is slow: the kernel drops
// messages, and what counts is that the watch says so and goes on.
func TestWatchResyncs(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	slow, flooded := make(chan Event, 1<<16), make(chan struct{})
	m.start(func(ctx context.Context) error {
		return h.Watch(ctx, func(e Event) {
			slow <- e
			if e.Kind == AddressAdded {
				<-flooded
			}
		})
	})
	next(t, slow, "the watch begins", func(e Event) bool { return e.Kind == Resync })
	check(t, h.Put(m.eth0, vip4, 30*time.Second))
	for range 8000 {
		check(t, h.Put(m.eth0, vip4, 30*time.Second))
	}
	close(flooded)
	next(t, slow, "it says that it missed something", func(e Event) bool { return e.Kind == Resync })
	other := Address{Prefix: netip.MustParsePrefix("10.77.0.101/24")}
	check(t, h.Put(m.eth0, other, 30*time.Second))
	next(t, slow, "it goes on", func(e Event) bool {
		return e.Kind == AddressAdded && e.Address.Prefix.Addr() == other.Prefix.Addr()
	})
}

func TestEventReads(t *testing.T) {
	i := Interface{Name: "eth0", HardwareAddr: []byte{2, 0, 0, 0, 0, 9}}
	a := Placed{i, single(vip4.Prefix.Addr()), 0}
	for want, e := range map[string]Event{
		"the watch starts anew":                                              {Kind: Resync},
		"10.77.0.100 was added to eth0":                                      {Kind: AddressAdded, Interface: i, Address: a},
		"10.77.0.100 was added to eth0 by ip (pid 7)":                        {Kind: AddressAdded, Interface: i, Address: a, By: "ip (pid 7)"},
		"10.77.0.100 was removed from eth0 by something else":                {Kind: AddressRemoved, Interface: i, Address: a},
		"10.77.0.100 was removed from eth0 by this agent":                    {Kind: AddressRemoved, Interface: i, Address: a, Own: true, By: "x"},
		"10.77.0.100 was removed from eth0 by the kernel: nobody renewed it": {Kind: AddressRemoved, Interface: i, Address: a, Expired: true},
		"eth0 is up":   {Kind: LinkUp, Interface: i},
		"eth0 is down": {Kind: LinkDown, Interface: i},
		"eth0 is gone": {Kind: LinkGone, Interface: i},
		"eth0 has a new hardware address 02:00:00:00:00:09": {Kind: HardwareAddrChanged, Interface: i},
	} {
		if got := e.String(); got != want {
			t.Errorf("the event reads %q, want %q", got, want)
		}
	}
}

func TestProcessOfPort(t *testing.T) {
	self := uint32(os.Getpid())
	comm, err := os.ReadFile("/proc/self/comm")
	check(t, err)
	named := strings.TrimSpace(string(comm)) + " (pid " + strconv.Itoa(int(self)) + ")"
	for port, want := range map[uint32]string{
		0:            "",
		self:         named,
		self | 3<<22: named,
		1<<32 - 4096: "",
	} {
		if got := Process(port); got != want {
			t.Errorf("the process of port %d is %q, want %q", port, got, want)
		}
	}
}
