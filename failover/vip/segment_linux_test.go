package vip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inNamespace marks a test process that runs as root of a user namespace.
const inNamespace = "VIP_TEST_USER_NAMESPACE"

// TestMain gives the tests a user namespace of their own where the caller is
// not root, so that they need no privilege.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 || os.Getenv(inNamespace) != "" {
		os.Exit(m.Run())
	}
	cmd := userNamespace(os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	}
	os.Exit(m.Run()) // no user namespaces here: what needs root skips itself
}

// userNamespace is this test binary as root of a new user and network
// namespace.
func userNamespace(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

// machine is a network namespace with the interface eth0 on the segment and
// the own addresses 10.77.0.x/24 and fd77::x/64.
type machine struct {
	*netlink.Handle
	tb     testing.TB
	ns     netns.NsHandle
	eth0   Interface
	v4, v6 netip.Addr
}

// segment is a bridge in a namespace of its own, and the machines on it.
func segment(tb testing.TB, size int) []*machine {
	tb.Helper()
	sw := namespace(tb)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "sw"}}
	check(tb, sw.LinkAdd(bridge))
	check(tb, sw.LinkSetUp(bridge))
	var list []*machine
	for n := 1; n <= size; n++ {
		m := namespace(tb)
		m.plug(sw, bridge, "eth0", n)
		m.v4 = netip.AddrFrom4([4]byte{10, 77, 0, byte(n)})
		m.v6 = netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x77, 15: byte(n)})
		m.own("eth0", netip.PrefixFrom(m.v4, 24))
		m.own("eth0", netip.PrefixFrom(m.v6, 64))
		m.eth0 = m.find("eth0")
		list = append(list, m)
	}
	for n, m := range list {
		m.awaitUp("eth0")
		sw.awaitUp(port(n+1, "eth0"))
	}
	return list
}

// namespace makes an empty network namespace with lo up and no DAD.
func namespace(tb testing.TB) *machine {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root, or a system that allows unprivileged user namespaces, to make network namespaces")
	}
	m := &machine{tb: tb, ns: netns.None()}
	made := make(chan error)
	go func() { // the thread is dropped: it ends with the goroutine
		runtime.LockOSThread()
		ns, err := netns.New()
		m.ns = ns
		for _, family := range []string{"all", "default"} {
			_ = writeSysctl("ipv6/conf/"+family+"/accept_dad", "0")
		}
		made <- err
	}()
	check(tb, <-made)
	tb.Cleanup(func() { m.ns.Close() })
	handle, err := netlink.NewHandleAt(m.ns)
	check(tb, err)
	tb.Cleanup(handle.Close)
	m.Handle = handle
	check(tb, m.LinkSetUp(m.device("lo")))
	return m
}

// do runs f with its thread inside of the machine.
func (m *machine) do(f func() error) {
	m.tb.Helper()
	check(m.tb, m.try(f))
}

func (m *machine) try(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(m.ns); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

// start runs f inside of the machine until the test ends.
func (m *machine) start(f func(context.Context) error) {
	ended := make(chan error, 1)
	go func() { ended <- m.try(func() error { return f(m.tb.Context()) }) }()
	m.tb.Cleanup(func() {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			m.tb.Error(err)
		}
	})
}

// host opens a Host on the machine.
func (m *machine) host() *Host {
	m.tb.Helper()
	h := New()
	m.do(h.Open)
	m.tb.Cleanup(func() { h.Close() })
	return h
}

// plug joins the machine to a bridge in another namespace.
func (m *machine) plug(sw *machine, bridge netlink.Link, name string, n int) {
	m.tb.Helper()
	port := port(n, name)
	check(m.tb, m.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: name},
		PeerName:      port,
		PeerNamespace: netlink.NsFd(sw.ns),
	}))
	check(m.tb, sw.LinkSetMaster(sw.device(port), bridge))
	check(m.tb, sw.LinkSetUp(sw.device(port)))
	check(m.tb, m.LinkSetUp(m.device(name)))
}

// port is the name of the switch's end of a machine's cable.
func port(n int, name string) string { return fmt.Sprintf("p%d%s", n, name) }

// own gives the machine an address of its own.
func (m *machine) own(name string, p netip.Prefix) {
	m.tb.Helper()
	check(m.tb, m.AddrAdd(m.device(name), &netlink.Addr{IPNet: ipNet(p), Flags: nodad(p)}))
}

func (m *machine) device(name string) netlink.Link {
	m.tb.Helper()
	l, err := m.LinkByName(name)
	check(m.tb, err)
	return l
}

func (m *machine) find(name string) Interface {
	m.tb.Helper()
	attrs := m.device(name).Attrs()
	return Interface{attrs.Name, attrs.Index, attrs.HardwareAddr}
}

// awaitUp waits for carrier.
func (m *machine) awaitUp(name string) {
	m.tb.Helper()
	eventually(m.tb, name+" is up", func() bool {
		return m.device(name).Attrs().RawFlags&unix.IFF_RUNNING != 0
	})
}

// remove takes an address off as another program would.
func (m *machine) remove(name string, p netip.Prefix) {
	m.tb.Helper()
	check(m.tb, m.AddrDel(m.device(name), &netlink.Addr{IPNet: ipNet(p)}))
}

// carries returns the address on eth0, nil if it is not there.
func (m *machine) carries(p netip.Prefix) *netlink.Addr {
	m.tb.Helper()
	list, err := m.AddrList(m.device("eth0"), netlink.FAMILY_ALL)
	check(m.tb, err)
	for _, a := range list {
		if a.IPNet.String() == ipNet(p).String() {
			return &a
		}
	}
	return nil
}

// neighbour returns the hardware address the machine has for ip, "" if none.
func (m *machine) neighbour(ip netip.Addr) string {
	m.tb.Helper()
	list, err := m.NeighList(m.eth0.Index, family(ip))
	check(m.tb, err)
	for _, n := range list {
		if n.IP.Equal(net.IP(ip.AsSlice())) {
			return n.HardwareAddr.String()
		}
	}
	return ""
}

// serve answers UDP on the address with a name, until the test ends.
func (m *machine) serve(ip netip.Addr, name string) {
	m.tb.Helper()
	var c *net.UDPConn
	m.do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 7)))
		return err
	})
	m.tb.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 16)
		for {
			_, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort([]byte(name), from)
		}
	}()
}

// ask returns the name that answers UDP for the address, "" if none does.
func (m *machine) ask(ip netip.Addr) (name string) {
	m.tb.Helper()
	_ = m.try(func() error {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 7)))
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if _, err := c.Write([]byte("who")); err != nil {
			return err
		}
		b := make([]byte, 16)
		n, err := c.Read(b)
		name = string(b[:n])
		return err
	})
	return name
}

// frames is what passes eth0 of one kind, until the test ends.
func (m *machine) frames(etherType uint16) <-chan []byte {
	m.tb.Helper()
	fd := -1
	m.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(bigEndian(unix.ETH_P_ALL)))
		return err
	})
	check(m.tb, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
	seen, ended := make(chan []byte, 256), make(chan struct{})
	go func() {
		defer close(ended)
		for m.tb.Context().Err() == nil {
			b := make([]byte, 2048)
			n, _, err := unix.Recvfrom(fd, b, 0)
			if err != nil || n < 14 || binary.BigEndian.Uint16(b[12:]) != etherType {
				continue
			}
			select {
			case seen <- b[:n]:
			default:
			}
		}
	}()
	m.tb.Cleanup(func() {
		<-ended
		unix.Close(fd)
	})
	return seen
}

// writeSysctl changes a setting of the namespace the thread is in.
func writeSysctl(path, value string) error {
	return os.WriteFile("/proc/sys/net/"+path, []byte(value), 0)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func nodad(p netip.Prefix) int {
	if p.Addr().Is6() {
		return unix.IFA_F_NODAD
	}
	return 0
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// eventually polls until ok, or fails the test.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("not within 10 s: %s", what)
		}
	}
}

// next waits for the first of a stream that is wanted.
func next[T any](tb testing.TB, stream <-chan T, what string, wanted func(T) bool) T {
	tb.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case v := <-stream:
			if wanted(v) {
				return v
			}
		case <-deadline:
			tb.Fatalf("not within 10 s: %s", what)
		}
	}
}
