//go:build linux

package fence

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestLearnsNewOwner: a machine that manages an address, and has it no more, talks
// to the machine that has it now.
func TestLearnsNewOwner(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		for _, vip := range vips {
			l := newLab(t)
			f := l.newFence(t, driver)
			ok(t, f.Manage(vip))
			etherType := uint16(etherIPv4)
			if vip.Is6() {
				etherType = etherIPv6
			}
			conn := must(net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(vip, 9))))(t)
			must(conn.Write([]byte("who are you?")))(t)
			l.wire.await(t, "a question for the hardware address", func(frame []byte) bool {
				_, p := network3(frame)
				return frame[13] == 0x06 && slices.Equal(addrs(p, 24, 4), []netip.Addr{vip}) ||
					frame[12] == 0x86 && len(p) >= 64 && p[40] == icmpSolicit && slices.Equal(addrs(p, 48, 16), []netip.Addr{vip})
			})
			l.wire.send(t, owns(vip))
			l.wire.await(t, "the packet for the new owner", func(frame []byte) bool {
				return strings.HasSuffix(string(frame), "who are you?") && mac(frame[:6]) == there
			})
			from := must(netip.ParseAddrPort(conn.LocalAddr().String()))(t)
			l.wire.send(t, ethernet(here, there, etherType, ip(vip, from.Addr(), protoUDP, udp(9, from.Port(), "the new owner"))))
			ok(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			buf := make([]byte, 100)
			if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "the new owner" {
				t.Errorf("%s: read %q, %v", vip, buf[:n], err)
			}
			ok(t, conn.Close())
		}
	})
}

// owns is the client's answer that it has an address.
func owns(addr netip.Addr) []byte {
	if addr.Is4() {
		return ethernet(here, there, etherARP, arp(arpReply, there, addr, here, machine4))
	}
	advert := neighbour(icmpAdvertise, addr)
	advert[4] = 0x60 // solicited, override
	advert = append(advert, 2, 1)
	return ethernet(here, there, etherIPv6, ip(addr, machine6, protoICMPv6, append(advert, there[:]...)))
}

// TestFragmentsAndRunts: beside a closed address, packets in pieces reach an
// unmanaged one whole, and what is too short to judge does no harm.
func TestFragmentsAndRunts(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		l.hold(t, f, vip4)
		for _, a := range []netip.Addr{machine4, vip4} {
			conn := must(net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9))))(t)
			whole := ip(client4, a, protoUDP, udp(9, 9, strings.Repeat("x", 1600)))
			l.wire.send(t, ethernet(here, there, etherIPv4, piece(whole, 0, 800)))
			l.wire.send(t, ethernet(here, there, etherIPv4, piece(whole, 800, 1608)))
			wait := 10 * time.Second
			if a == vip4 {
				l.barrier(t)
				wait = 50 * time.Millisecond
			}
			ok(t, conn.SetReadDeadline(time.Now().Add(wait)))
			n, err := conn.Read(make([]byte, 4096))
			if arrived := err == nil && n == 1600; arrived != (a == machine4) {
				t.Errorf("%s: read %d bytes of 1600 in two fragments, %v", a, n, err)
			}
			ok(t, conn.Close())
		}
		frame := ethernet(here, there, etherIPv4, ip(client4, vip4, protoUDP, udp(9, 9, "cut off")))
		for n := 14; n < len(frame); n++ {
			l.wire.send(t, frame[:n])
		}
		l.does(t, "after runts", vip4, nil)
		l.does(t, "after runts", machine4, everything(machine4))
	})
}

// piece is the fragment of an IPv4 packet with these bytes of its payload.
func piece(packet []byte, from, to int) []byte {
	out := slices.Concat(packet[:20], packet[20+from:20+to])
	n, at := len(out), from/8
	if 20+to < len(packet) {
		at |= 0x2000 // more fragments
	}
	out[2], out[3], out[4], out[6], out[7] = byte(n>>8), byte(n), 0x77, byte(at>>8), byte(at)
	out[10], out[11] = 0, 0
	sum := checksum(out[:20])
	out[10], out[11] = byte(sum>>8), byte(sum)
	return out
}

// TestBareInterface: a tunnel has no Ethernet header and no ARP, and is fenced all
// the same.
func TestBareInterface(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		tunnel := openTunnel(t)
		f := l.newFence(t, driver)
		ok(t, f.Attach(tunnel.link.Attrs().Index))
		for vip, own := range map[netip.Addr]netip.Addr{vip4: machine4, vip6: machine6} {
			peer := own.Next().Next()
			ok(t, netlink.RouteAdd(&netlink.Route{LinkIndex: tunnel.link.Attrs().Index, Dst: address(peer, peer.BitLen()).IPNet}))
			l.hold(t, f, vip)
			for seq, deadline := range []Boottime{0, Now().Add(time.Hour), Now()} {
				ok(t, f.Open(vip, deadline))
				tunnel.ping(t, peer, vip, uint32(seq))
				tunnel.ping(t, peer, own, uint32(seq)) // its answer ends the wait for the other
				answered := false
				for from := (netip.Addr{}); from != own; {
					if from = tunnel.echo(t, uint32(seq)); from == vip {
						answered = true
					}
				}
				if open := seq == 1; answered != open {
					t.Errorf("%s: open %v, answered through the tunnel %v", vip, open, answered)
				}
			}
		}
	})
}

// tunnel is a tun interface, of which the test is the far end.
type tunnel struct {
	link netlink.Link
	file *os.File
}

func openTunnel(t testing.TB) *tunnel {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("needs /dev/net/tun: %v", err)
	}
	request := must(unix.NewIfreq("tun0"))(t)
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	ok(t, unix.IoctlIfreq(fd, unix.TUNSETIFF, request))
	file := os.NewFile(uintptr(fd), "tun0")
	t.Cleanup(func() { _ = file.Close() })
	link := must(netlink.LinkByName("tun0"))(t)
	ok(t, netlink.LinkSetUp(link))
	return &tunnel{link, file}
}

func (n *tunnel) ping(t testing.TB, from, to netip.Addr, seq uint32) {
	t.Helper()
	proto, request := echo(to, seq)
	must(n.file.Write(ip(from, to, proto, request)))(t)
}

// echo waits for an echo reply with that sequence number and returns who sent it.
func (n *tunnel) echo(t testing.TB, seq uint32) netip.Addr {
	t.Helper()
	ok(t, n.file.SetReadDeadline(time.Now().Add(10*time.Second)))
	for {
		packet := make([]byte, 2048)
		packet = packet[:must(n.file.Read(packet))(t)]
		etherType := uint16(etherIPv4)
		if packet[0]>>4 == 6 {
			etherType = etherIPv6
		}
		frame := ethernet(here, there, etherType, packet)
		from := speaksFor(frame)[0]
		if got, is := echoReply(frame, from); is && got == seq {
			return from
		}
	}
}
