//go:build linux

package lab

import (
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// TestLabJoinsMachines sends a line over TCP from each machine to each other, in both families.
func TestLabJoinsMachines(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1", "n2"}})
	ctx := testContext(t)
	all := append(l.Machines(), l.Client())
	for _, to := range all {
		for _, ip := range []netip.Addr{to.Addr(), to.Addr6()} {
			ln, err := to.Listen(ctx, "tcp", netip.AddrPortFrom(ip, 0).String())
			must(t, err)
			for _, from := range all {
				got := make(chan string, 1)
				go func() {
					c, err := ln.Accept()
					if err != nil {
						got <- err.Error()
						return
					}
					defer c.Close()
					b, _ := io.ReadAll(c)
					got <- string(b)
				}()
				c, err := from.Dial(ctx, "tcp", ln.Addr().String())
				must(t, err)
				_, err = io.WriteString(c, "hello from "+from.Name())
				must(t, err)
				c.Close()
				if s := <-got; s != "hello from "+from.Name() {
					t.Errorf("%s heard %q from %s", ip, s, from.Name())
				}
			}
			ln.Close()
		}
	}
}

func TestLabNames(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1", "n2"}})
	if l.Machine("n3") != nil || l.Machine("n2").Name() != "n2" || l.Machine("client") != l.Client() {
		t.Error("Machine does not find machines by name")
	}
	var names []string
	for _, m := range l.Machines() {
		names = append(names, m.Name())
	}
	if !slices.Equal(names, []string{"n1", "n2"}) {
		t.Errorf("machines %q", names)
	}
	p := l.Machine("n1").Ports()[0]
	if p.Interface != "eth0" || p.IPv4.String() != "10.77.0.11/24" || p.IPv6.String() != "fd77::11/64" || p.Network != "lan" {
		t.Errorf("n1's port is %+v", p)
	}
	must(t, l.Machine("n1").Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err == nil && ifi.HardwareAddr.String() != p.MAC.String() {
			t.Errorf("eth0 has %s, Ports says %s", ifi.HardwareAddr, p.MAC)
		}
		return err
	}))
	if err := l.Open(testContext(t)); err == nil || !strings.Contains(err.Error(), "open already") {
		t.Errorf("a second Open: %v", err)
	}
}

// TestLabTwoNetworks builds a gateway between an inner and an outer network.
func TestLabTwoNetworks(t *testing.T) {
	inner := Network{Name: "inner", IPv4: netip.MustParsePrefix("10.78.0.0/24"), Machines: []string{"gw", "host"}}
	outer := Network{Name: "outer", IPv4: netip.MustParsePrefix("10.79.0.0/24"), IPv6: netip.MustParsePrefix("fd79::/64"), Machines: []string{"gw", "client"}}
	l := openLab(t, Options{Machines: []string{"gw", "host"}, Networks: []Network{inner, outer}})
	ctx := testContext(t)
	gw := l.Machine("gw")
	ports := gw.Ports()
	if len(ports) != 2 || ports[0].Interface != "eth0" || ports[1].Interface != "eth1" || ports[1].Network != "outer" || ports[0].IPv6.IsValid() {
		t.Fatalf("the gateway's ports are %+v", ports)
	}
	if got := l.Client().Ports(); len(got) != 1 || got[0].Interface != "eth0" || got[0].IPv4.String() != "10.79.0.200/24" {
		t.Fatalf("the client's ports are %+v", got)
	}
	service, err := gw.Serve(ctx, DefaultPort)
	must(t, err)
	defer service.Kill()
	reaches := func(m *Machine, ip netip.Addr) error {
		c, err := m.Dial(ctx, "tcp", netip.AddrPortFrom(ip, DefaultPort).String())
		if err == nil {
			c.Close()
		}
		return err
	}
	must(t, reaches(l.Machine("host"), ports[0].IPv4.Addr()))
	must(t, reaches(l.Client(), ports[1].IPv4.Addr()))
	if err := reaches(l.Machine("host"), ports[1].IPv4.Addr()); err == nil {
		t.Error("the inner host reaches the outer network though nobody routes")
	}
	must(t, gw.Unplug("outer"))
	if carrier(t, gw, "eth1") || !carrier(t, gw, "eth0") {
		t.Error("Unplug of one network does not pull that cable alone")
	}
	if err := gw.Unplug("moon"); err == nil || !strings.Contains(err.Error(), `no network "moon"`) {
		t.Errorf("a network that does not exist: %v", err)
	}
	if err := l.Client().Silence("inner"); err == nil || !strings.Contains(err.Error(), `client is not on network "inner"`) {
		t.Errorf("a network that the machine is not on: %v", err)
	}
}

// carrier reports whether a machine's interface has a link.
func carrier(t *testing.T, m *Machine, name string) (up bool) {
	t.Helper()
	must(t, m.enter(func(b *boot) error {
		link, err := b.netlink.LinkByName(name)
		if err == nil {
			up = link.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
		}
		return err
	}))
	return up
}

// TestLabSideBySide runs two labs with the same names and addresses.
func TestLabSideBySide(t *testing.T) {
	a := openLab(t, Options{Machines: []string{"n1"}})
	b := openLab(t, Options{Machines: []string{"n1"}})
	ctx := testContext(t)
	s, err := a.Machine("n1").Serve(ctx, DefaultPort)
	must(t, err)
	defer s.Kill()
	at := netip.AddrPortFrom(a.Machine("n1").Addr(), DefaultPort).String()
	c, err := a.Client().Dial(ctx, "tcp", at)
	must(t, err)
	c.Close()
	if c, err := b.Client().Dial(ctx, "tcp", at); err == nil {
		c.Close()
		t.Error("a client of one lab reaches a machine of another")
	}
}

// canary is a device whose other half lives in a namespace, and dies with it.
func canary(t *testing.T, h *netlink.Handle, name string, ns netns.NsHandle) {
	t.Helper()
	must(t, h.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "canary", PeerNamespace: netlink.NsFd(ns)}))
}

// TestLabLeavesNothing looks for namespaces, links, processes, files and threads that outlive Close.
func TestLabLeavesNothing(t *testing.T) {
	needRoot(t)
	aviary, err := newNetNS(func() error { return nil })
	must(t, err)
	defer aviary.Close()
	h, err := netlink.NewHandleAt(aviary, unix.NETLINK_ROUTE)
	must(t, err)
	defer h.Close()
	links := func() int {
		list, err := h.LinkList()
		must(t, err)
		return len(list)
	}
	here := hostLinks(t)
	bare := links()
	files := countFiles(t)

	l, err := New(Options{Machines: []string{"n1", "n2"}})
	must(t, err)
	ctx := testContext(t)
	must(t, l.Open(ctx))
	if got := hostLinks(t); !slices.Equal(got, here) {
		t.Errorf("the lab has changed this network: %q, was %q", got, here)
	}
	process, err := l.Machine("n1").Start(ctx, []string{"sleep", "1000"}, StartOptions{})
	must(t, err)
	canary(t, h, "n1", l.Machine("n1").boot.net)
	canary(t, h, "n2", l.Machine("n2").boot.net)
	canary(t, h, "switch", l.segments[0].ns)
	canary(t, h, "observer", l.segments[0].observer)
	if links() != bare+4 {
		t.Fatalf("%d canaries, want 4", links()-bare)
	}
	must(t, l.Close())
	select {
	case <-process.Done():
	default:
		t.Error("a process has outlived the lab")
	}
	eventually(t, "every namespace is gone", func() bool { return links() == bare })
	if got := hostLinks(t); !slices.Equal(got, here) {
		t.Errorf("the lab has left this network as %q, it was %q", got, here)
	}
	eventually(t, "every file is closed", func() bool { return countFiles(t) <= files })
	must(t, l.Open(ctx)) // and once more
	must(t, l.Close())
	must(t, l.Close())
}

func hostLinks(t *testing.T) (names []string) {
	t.Helper()
	list, err := net.Interfaces()
	must(t, err)
	for _, ifi := range list {
		names = append(names, ifi.Name)
	}
	return names
}

func countFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(files)
}

// TestDoEndsItsThreads enters a machine often and expects no thread to stay there.
func TestDoEndsItsThreads(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	m := l.Machine("n1")
	own, err := os.Readlink("/proc/self/ns/net")
	must(t, err)
	for range 50 {
		must(t, m.Do(func() error {
			inside, err := os.Readlink("/proc/thread-self/ns/net")
			if err == nil && inside == own {
				t.Error("Do runs outside of the machine")
			}
			return err
		}))
	}
	eventually(t, "every thread is in the network of this process", func() bool {
		tasks, err := os.ReadDir("/proc/self/task")
		must(t, err)
		return !slices.ContainsFunc(tasks, func(e os.DirEntry) bool {
			ns, err := os.Readlink("/proc/self/task/" + e.Name() + "/ns/net")
			return err == nil && ns != own
		})
	})
	ended := make(chan error, 1)
	go func() { ended <- m.Do(func() error { runtime.Goexit(); return nil }) }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a function that ended its goroutine passes for one that returned")
		}
	case <-time.After(testTimeout):
		t.Error("Do waits for a function that has ended its goroutine")
	}
}

func TestOpenRefusesItsOwnChildren(t *testing.T) {
	t.Setenv(roleVar, roleInit)
	l, err := New(Options{Machines: []string{"n1"}})
	must(t, err)
	if err := l.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "call lab.Child first") {
		t.Fatalf("got %v", err)
	}
}
