//go:build linux

package fence

import (
	"encoding/binary"
	"errors"
	"fmt"
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

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root (CAP_NET_ADMIN, CAP_BPF, CAP_SYS_ADMIN), for network namespaces and eBPF")
	}
}

var (
	machine4, client4 = netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("10.77.0.2")
	machine6, client6 = netip.MustParseAddr("fd77::1"), netip.MustParseAddr("fd77::2")
	vip4, vip6        = netip.MustParseAddr("10.77.0.100"), netip.MustParseAddr("fd77::100")

	vips = []netip.Addr{vip4, vip6}
)

// lab is a machine in a network namespace of its own and, at the other end of its
// cable, a client that is no more than a socket for raw frames.
type lab struct {
	machine, client netns.NsHandle
	link            netlink.Link // the machine's interface
	wire            *wire        // the client's end
	own             *wire        // the machine's end, to speak without its IP stack
	barriers        uint32
}

// newLab leaves the test's goroutine in the machine's namespace, on a thread of
// its own that ends with it.
func newLab(t testing.TB) *lab {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	l := &lab{client: newNamespace(t), machine: newNamespace(t)}
	ok(t, netlink.LinkSetUp(must(netlink.LinkByName("lo"))(t)))
	l.plug(t, "net0")
	return l
}

func newNamespace(t testing.TB) netns.NsHandle {
	t.Helper()
	ns := must(netns.New())(t)
	t.Cleanup(func() { _ = ns.Close() })
	return ns
}

// plug gives the machine an interface with addresses, and a cable to the client.
func (l *lab) plug(t testing.TB, name string) {
	t.Helper()
	ok(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: here[:]},
		PeerName:  name, PeerHardwareAddr: there[:], PeerNamespace: netlink.NsFd(l.client),
	}))
	l.link = must(netlink.LinkByName(name))(t)
	ok(t, netlink.LinkSetUp(l.link))
	l.in(t, l.client, func() error {
		peer, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(peer); err != nil {
			return err
		}
		l.wire, err = openWire(t, peer.Attrs().Index)
		return err
	})
	l.own = must(openWire(t, l.link.Attrs().Index))(t)
	for _, a := range []struct{ own, peer netip.Addr }{{machine4, client4}, {machine6, client6}} {
		l.addAddress(t, a.own, a.own.BitLen()*3/4) // /24 and /96
		ok(t, netlink.NeighSet(&netlink.Neigh{
			LinkIndex: l.link.Attrs().Index, State: netlink.NUD_PERMANENT,
			IP: a.peer.AsSlice(), HardwareAddr: there[:],
		}))
	}
}

// in runs f on a thread of its own in a namespace.
func (l *lab) in(t testing.TB, ns netns.NsHandle, f func() error) {
	t.Helper()
	ok(t, <-background(ns, f))
}

// background runs f on a thread of its own in a namespace, which ends with it.
func background(ns netns.NsHandle, f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(ns); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return done
}

func (l *lab) addAddress(t testing.TB, addr netip.Addr, bits int) {
	t.Helper()
	ok(t, addAddress(l.link, addr, bits))
}

// addAddress returns when the kernel answers for the address, which in IPv6 is a
// moment later.
func addAddress(on netlink.Link, addr netip.Addr, bits int) error {
	if err := netlink.AddrAdd(on, address(addr, bits)); err != nil {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10_000 {
		routes, err := netlink.RouteGet(addr.AsSlice())
		if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("%s is on its interface, and still no local address", addr)
}

func (l *lab) delAddress(t testing.TB, addr netip.Addr) {
	t.Helper()
	ok(t, netlink.AddrDel(l.link, address(addr, addr.BitLen())))
}

func address(addr netip.Addr, bits int) *netlink.Addr {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(bits, addr.BitLen())}}
	if addr.Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}

// newFence makes a fence on the machine's interface.
func (l *lab) newFence(t testing.TB, driver string) *Fence {
	t.Helper()
	f := must(New(Options{Driver: driver}))(t)
	ok(t, f.Attach(l.link.Attrs().Index))
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// hold puts an address under the fence and then on the machine's interface, as
// the fence's contract says.
func (l *lab) hold(t testing.TB, f *Fence, addr netip.Addr) {
	t.Helper()
	ok(t, f.Manage(addr))
	l.addAddress(t, addr, addr.BitLen())
}

// What a machine can do in the name of an address.
const (
	resolves  = "answers who has it"
	announces = "announces it"
	echoes    = "answers echo"
	hears     = "hears UDP"
	answers   = "answers UDP"
	sends     = "sends UDP"
)

func everything(addr netip.Addr) []string {
	all := []string{announces, echoes, resolves, answers, hears, sends}
	slices.Sort(all)
	return all
}

// provoke makes the machine do all that it can in the name of an address that one
// of its interfaces has, and returns what came of it.
func (l *lab) provoke(t testing.TB, addr netip.Addr) []string {
	t.Helper()
	seen := make(map[string]bool)
	service := must(net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 9))))(t)
	defer service.Close()
	client, etherType := client4, uint16(etherIPv4)
	if addr.Is6() {
		client, etherType = client6, etherIPv6
	}

	l.wire.drain()
	l.wire.send(t, question(client, addr))
	proto, request := echo(addr, 0)
	l.wire.send(t, ethernet(here, there, etherType, ip(client, addr, proto, request)))
	l.wire.send(t, ethernet(here, there, etherType, ip(client, addr, protoUDP, udp(9, 9, "question"))))
	for _, frame := range announcements(addr) {
		l.own.send(t, frame)
	}
	_, _ = service.WriteToUDPAddrPort([]byte("unasked"), netip.AddrPortFrom(client, 9))

	want := len(everything(addr))
	for range 3 { // frames may overtake each other on the way through two CPUs
		for _, frame := range l.barrier(t) {
			if does := deed(frame, addr); does != "" {
				seen[does] = true
			}
		}
		if len(seen) == want {
			break
		}
		ok(t, service.SetReadDeadline(time.Now().Add(5*time.Millisecond)))
		if _, from, err := service.ReadFromUDPAddrPort(make([]byte, 100)); err == nil {
			seen[hears] = true
			_, _ = service.WriteToUDPAddrPort([]byte("answer"), from)
		}
	}
	var does []string
	for s := range seen {
		does = append(does, s)
	}
	slices.Sort(does)
	return does
}

// question asks for the hardware address of an address.
func question(client, addr netip.Addr) []byte {
	if addr.Is4() {
		return ethernet(broadcast, there, etherARP, arp(arpRequest, there, client, mac{}, addr))
	}
	a := addr.As16()
	group := netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]})
	return ethernet(mac{0x33, 0x33, 0xff, a[13], a[14], a[15]}, there, etherIPv6,
		ip(client, group, protoICMPv6, neighbour(icmpSolicit, addr)))
}

// announcements are what a machine sends to make others believe that it has an
// address.
func announcements(addr netip.Addr) [][]byte {
	if addr.Is4() {
		return [][]byte{
			ethernet(broadcast, here, etherARP, arp(arpRequest, here, addr, mac{}, addr)),
			ethernet(broadcast, here, etherARP, arp(arpReply, here, addr, broadcast, addr)),
		}
	}
	all := mac{0x33, 0x33, 0, 0, 0, 1}
	return [][]byte{
		ethernet(all, here, etherIPv6, ip(machine6, all6, protoICMPv6, neighbour(icmpAdvertise, addr))),
		ethernet(all, here, etherIPv6, ip(addr, all6, protoICMPv6, neighbour(icmpAdvertise, addr))),
	}
}

// deed names what a frame that left the machine does in the name of an address.
func deed(frame []byte, addr netip.Addr) string {
	if !slices.Contains(speaksFor(frame), addr) {
		return ""
	}
	etherType, p := network3(frame)
	switch {
	case strings.HasSuffix(string(p), "answer"):
		return answers
	case strings.HasSuffix(string(p), "unasked"):
		return sends
	case etherType == etherARP && slices.Equal(addrs(p, 14, 4), addrs(p, 24, 4)):
		return announces
	case etherType == etherARP:
		return resolves
	case etherType == etherIPv4 && p[20] == 0, etherType == etherIPv6 && p[40] == 129:
		return echoes
	case etherType == etherIPv6 && p[40] == icmpAdvertise && p[44]&0x40 != 0:
		return resolves
	case etherType == etherIPv6 && p[40] == icmpAdvertise:
		return announces
	}
	return "speaks otherwise"
}

// barrier pings the machine's own address and returns all frames up to the reply.
func (l *lab) barrier(t testing.TB) [][]byte {
	t.Helper()
	l.barriers++
	proto, request := echo(machine4, l.barriers)
	l.wire.send(t, ethernet(here, there, etherIPv4, ip(client4, machine4, proto, request)))
	var frames [][]byte
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		frame, _, ok := l.wire.receive(time.Second)
		if !ok {
			continue
		}
		if seq, ok := echoReply(frame, machine4); ok && seq == l.barriers {
			return frames
		}
		frames = append(frames, frame)
	}
	t.Fatal("the machine does not answer on its own, unmanaged address")
	return nil
}

// echoReply returns the sequence number of an echo reply from an address.
func echoReply(frame []byte, from netip.Addr) (uint32, bool) {
	_, p := network3(frame)
	if deed(frame, from) != echoes {
		return 0, false
	}
	if from.Is6() {
		p = p[20:]
	}
	return binary.BigEndian.Uint32(p[28:]), true
}

// wire is a packet socket on one interface.
type wire struct{ fd int }

func openWire(t testing.TB, ifindex int) (*wire, error) {
	t.Helper()
	all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return &wire{fd}, errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20))
}

func (w *wire) send(t testing.TB, frame []byte) {
	t.Helper()
	at := must(unix.Getsockname(w.fd))(t).(*unix.SockaddrLinklayer)
	protocol := binary.NativeEndian.Uint16(frame[12:14])
	err := unix.Sendto(w.fd, frame, 0, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: at.Ifindex, Halen: 6})
	if !errors.Is(err, unix.ENOBUFS) { // that is how the kernel says that the fence dropped it
		ok(t, err)
	}
}

// receive returns the next frame and when the kernel saw it.
func (w *wire) receive(wait time.Duration) (frame []byte, at Boottime, ok bool) {
	poll := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, int(wait.Milliseconds())); n != 1 || err != nil {
		return nil, 0, false
	}
	frame, control := make([]byte, 4096), make([]byte, 128)
	n, cn, _, _, err := unix.Recvmsg(w.fd, frame, control, unix.MSG_DONTWAIT)
	if err != nil {
		return nil, 0, false
	}
	messages, err := unix.ParseSocketControlMessage(control[:cn])
	if err != nil || len(messages) == 0 {
		return nil, 0, false
	}
	stamp := time.Unix(int64(binary.NativeEndian.Uint64(messages[0].Data)), int64(binary.NativeEndian.Uint64(messages[0].Data[8:])))
	return frame[:n], Now().Add(-time.Since(stamp)), true
}

func (w *wire) drain() {
	for {
		if _, _, ok := w.receive(0); !ok {
			return
		}
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must is for a call with a result: must(call())(t).
func must[T any](result T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		ok(t, err)
		return result
	}
}

// await reads frames until one fits.
func (w *wire) await(t testing.TB, what string, fits func(frame []byte) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if frame, _, ok := w.receive(time.Second); ok && fits(frame) {
			return
		}
	}
	t.Fatalf("the machine did not send %s", what)
}
