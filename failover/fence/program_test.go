//go:build linux

package fence

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

// bench runs the Ethernet programs on packets that never see an interface.
type bench struct {
	lease    leaseMap
	programs map[place]*ebpf.Program
}

func newBench(t testing.TB) *bench {
	t.Helper()
	needRoot(t)
	m, err := ebpf.NewMap(leaseMapSpec("fence_bench"))
	if err != nil {
		t.Fatal(err)
	}
	programs, err := loadPrograms(leaseMap{m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = closePrograms(programs)
		_ = m.Close()
	})
	return &bench{leaseMap{m}, programs}
}

// lease manages an address and gives it a deadline.
func (b *bench) grant(t testing.TB, addr netip.Addr, deadline Boottime) {
	t.Helper()
	if err := b.lease.manage(addr); err != nil {
		t.Fatal(err)
	}
	if err := b.lease.set(addr, deadline); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) drops(t testing.TB, d direction, frame []byte) bool {
	t.Helper()
	verdict, out, err := b.programs[place{d, true}].Test(frame)
	if err != nil {
		t.Fatalf("run on %x: %v", frame, err)
	}
	if !bytes.Equal(out, frame) {
		t.Errorf("the program changed the packet\n from %x\n to   %x", frame, out)
	}
	switch int32(verdict) {
	case verdictDrop:
		return true
	case verdictNext:
		return false
	}
	t.Fatalf("verdict %d of %x is neither drop nor next", int32(verdict), frame)
	return false
}

var (
	closed4 = netip.MustParseAddr("10.77.0.100")
	lapsed4 = netip.MustParseAddr("10.77.0.101")
	open4   = netip.MustParseAddr("10.77.0.102")
	other4  = netip.MustParseAddr("10.77.0.2")
	none4   = netip.MustParseAddr("0.0.0.0")
	closed6 = netip.MustParseAddr("fd77::100")
	open6   = netip.MustParseAddr("fd77::102")
	other6  = netip.MustParseAddr("fd77::2")
	none6   = netip.MustParseAddr("::")
	all6    = netip.MustParseAddr("ff02::1")

	here, there = mac{2, 0, 0, 0, 0, 1}, mac{2, 0, 0, 0, 0, 2}
)

func (b *bench) grantAll(t testing.TB) {
	t.Helper()
	b.grant(t, closed4, 0)
	b.grant(t, lapsed4, Now())
	b.grant(t, open4, Now().Add(time.Hour))
	b.grant(t, closed6, 0)
	b.grant(t, open6, Now().Add(time.Hour))
}

func TestProgramVerdicts(t *testing.T) {
	b := newBench(t)
	b.grantAll(t)
	frame := func(etherType uint16, packet []byte) []byte { return ethernet(there, here, etherType, packet) }
	packet4 := func(src, dst netip.Addr) []byte {
		return frame(etherIPv4, ip(src, dst, protoUDP, udp(1, 2, "payload")))
	}
	packet6 := func(src, dst netip.Addr) []byte {
		return frame(etherIPv6, ip(src, dst, protoUDP, udp(1, 2, "payload")))
	}
	arpFrom := func(op uint16, spa, tpa netip.Addr) []byte {
		return frame(etherARP, arp(op, here, spa, there, tpa))
	}
	nd := func(kind byte, src, target netip.Addr) []byte {
		return frame(etherIPv6, ip(src, all6, protoICMPv6, neighbour(kind, target)))
	}
	advert := ip(other6, all6, protoICMPv6, neighbour(icmpAdvertise, closed6))
	fragment := []byte{44, 0, 0, 1, 0, 0, 0, 9}

	tests := []struct {
		name    string
		frame   []byte
		in, out bool // dropped coming in, going out
	}{
		{"IPv4 between others", packet4(other4, other4), false, false},
		{"IPv4 to a closed address", packet4(other4, closed4), true, false},
		{"IPv4 from a closed address", packet4(closed4, other4), false, true},
		{"IPv4 to an address whose lease ran out", packet4(other4, lapsed4), true, false},
		{"IPv4 from an address whose lease ran out", packet4(lapsed4, other4), false, true},
		{"IPv4 to an open address", packet4(other4, open4), false, false},
		{"IPv4 from an open address", packet4(open4, other4), false, false},
		{"IPv4 fragment to a closed address", fragmented(packet4(other4, closed4)), true, false},
		{"IPv4 fragment between others", fragmented(packet4(other4, other4)), false, false},
		{"ARP reply of a closed address", arpFrom(arpReply, closed4, other4), false, true},
		{"gratuitous ARP of a closed address", arpFrom(arpRequest, closed4, closed4), false, true},
		{"ARP request from a closed address", arpFrom(arpRequest, closed4, other4), false, true},
		{"ARP request for a closed address", arpFrom(arpRequest, other4, closed4), false, false},
		{"ARP probe for a closed address", arpFrom(arpRequest, none4, closed4), false, false},
		{"ARP reply of an open address", arpFrom(arpReply, open4, other4), false, false},
		{"ARP reply of another", arpFrom(arpReply, other4, closed4), false, false},
		{"IPv6 between others", packet6(other6, other6), false, false},
		{"IPv6 to a closed address", packet6(other6, closed6), true, false},
		{"IPv6 from a closed address", packet6(closed6, other6), false, true},
		{"IPv6 to an open address", packet6(other6, open6), false, false},
		{"IPv6 from an open address", packet6(open6, other6), false, false},
		{"advertisement of a closed address", nd(icmpAdvertise, other6, closed6), false, true},
		{"advertisement of an open address", nd(icmpAdvertise, other6, open6), false, false},
		{"advertisement of another address", nd(icmpAdvertise, other6, other6), false, false},
		{"solicitation of a closed address", nd(icmpSolicit, other6, closed6), false, false},
		{"probe for a closed address", nd(icmpSolicit, none6, closed6), false, false},
		{"probe for an open address", nd(icmpSolicit, none6, open6), false, false},
		{"router advertisement that looks alike", nd(134, other6, closed6), false, false},
		{"advertisement behind options", frame(etherIPv6, extended(advert, extension(nextHopByHop, 0), extension(nextDestination, 2))), false, true},
		{"advertisement behind a routing header", frame(etherIPv6, extended(advert, extension(nextRouting, 2))), false, true},
		{"advertisement behind authentication", frame(etherIPv6, extended(advert, extension(nextAuth, 4))), false, true},
		{"advertisement in a fragment (void)", frame(etherIPv6, extended(advert, fragment)), false, false},
		{"IPv6 fragment from a closed address", frame(etherIPv6, extended(packet6(closed6, other6)[14:], fragment)), false, true},
		{"IPv6 fragment to a closed address", frame(etherIPv6, extended(packet6(other6, closed6)[14:], fragment)), true, false},
		{"IPv4 to a closed address in a VLAN", tagged(etherVLAN, packet4(other4, closed4)), true, false},
		{"IPv4 from a closed address in two VLANs", tagged(etherQinQ, tagged(etherVLAN, packet4(closed4, other4))), false, true},
		{"ARP reply of a closed address in a VLAN", tagged(etherVLAN, arpFrom(arpReply, closed4, other4)), false, true},
		{"IPv6 between others in a VLAN", tagged(etherVLAN, packet6(other6, other6)), false, false},
		{"three VLAN tags", tagged(etherQinQ, tagged(etherQinQ, tagged(etherVLAN, packet4(closed4, closed4)))), false, false},
		{"another protocol", frame(0x88cc, bytes.Repeat([]byte{10, 77, 0, 100}, 20)), false, false},
		{"IPv4 that ends before its addresses", tagged(etherVLAN, packet4(closed4, closed4))[:29], false, false},
		{"IPv4 that ends before its destination", tagged(etherVLAN, packet4(other4, closed4))[:36], false, false},
		{"IPv6 that ends before its addresses", tagged(etherVLAN, packet6(closed6, closed6))[:27], false, false},
		{"ARP that ends before its sender", arpFrom(arpReply, closed4, other4)[:28], false, false},
		{"advertisement that ends before its target", frame(etherIPv6, advert)[:14+40+8], false, false},
		{"VLAN tag and nothing else", tagged(etherVLAN, frame(etherVLAN, nil)), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := b.drops(t, ingress, tt.frame); got != tt.in {
				t.Errorf("coming in: dropped %v, want %v", got, tt.in)
			}
			if got := b.drops(t, egress, tt.frame); got != tt.out {
				t.Errorf("going out: dropped %v, want %v", got, tt.out)
			}
		})
	}
}

// fragmented makes an IPv4 packet the second fragment of a larger one.
func fragmented(frame []byte) []byte {
	frame = slices.Clone(frame)
	frame[14+7] = 185
	return frame
}

// FuzzProgram holds the programs against the model in frame_test.go: a packet is
// dropped if and only if it speaks for, or is heard for, a closed address.
func FuzzProgram(f *testing.F) {
	b := newBench(f)
	b.grantAll(f)
	closed := []netip.Addr{closed4, lapsed4, closed6}
	f.Add(ethernet(there, here, etherIPv4, ip(closed4, other4, protoUDP, udp(1, 2, "x"))))
	f.Add(ethernet(there, here, etherIPv4, ip(other4, closed4, protoUDP, udp(1, 2, "x"))))
	f.Add(ethernet(there, here, etherARP, arp(arpReply, here, closed4, there, other4)))
	advert := ip(other6, all6, protoICMPv6, neighbour(icmpAdvertise, closed6))
	f.Add(ethernet(there, here, etherIPv6, advert))
	f.Add(tagged(etherVLAN, ethernet(there, here, etherIPv6, ip(none6, all6, protoICMPv6, neighbour(icmpSolicit, closed6)))))
	f.Add(ethernet(there, here, etherIPv6, extended(advert, extension(nextHopByHop, 0), extension(nextAuth, 4))))
	f.Add(ethernet(there, here, etherIPv6, extended(advert, extension(0, 0), extension(43, 0), extension(60, 0), extension(0, 0), extension(43, 0), extension(60, 1))))
	f.Add(ethernet(there, here, etherIPv6, extended(advert, extension(0, 0), extension(43, 0), extension(60, 0), extension(0, 0), extension(43, 0), extension(60, 1), extension(60, 1))))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if !testable(frame) {
			t.Skip("the kernel tests programs on no such frame")
		}
		isClosed := func(a netip.Addr) bool { return slices.Contains(closed, a) }
		if got, want := b.drops(t, ingress, frame), slices.ContainsFunc(hearsFor(frame), isClosed); got != want {
			t.Errorf("coming in: dropped %v, want %v: %x", got, want, frame)
		}
		if got, want := b.drops(t, egress, frame), slices.ContainsFunc(speaksFor(frame), isClosed); got != want {
			t.Errorf("going out: dropped %v, want %v: %x", got, want, frame)
		}
	})
}

// testable says whether BPF_PROG_TEST_RUN takes the frame: it wants a payload, and
// a whole header if the Ethernet header announces IP.
func testable(frame []byte) bool {
	if len(frame) < 15 || len(frame) > 1500 {
		return false
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		return len(frame) >= 14+20
	case etherIPv6:
		return len(frame) >= 14+40
	}
	return true
}
