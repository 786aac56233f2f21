//go:build linux

package fence

import (
	"net/netip"
	"testing"
	"time"
)

// BenchmarkOpen is the cost of renewing one lease.
func BenchmarkOpen(b *testing.B) {
	for _, k := range kinds() {
		b.Run(k.option, func(b *testing.B) {
			l := newLab(b)
			f := l.newFence(b, k.option)
			ok(b, f.Manage(vip4))
			for b.Loop() {
				ok(b, f.Open(vip4, Now().Add(time.Second)))
			}
		})
	}
}

// BenchmarkTakeover is New and Attach where an earlier daemon left a fence.
func BenchmarkTakeover(b *testing.B) {
	for _, k := range kinds() {
		b.Run(k.option, func(b *testing.B) {
			l := newLab(b)
			l.hold(b, l.newFence(b, k.option), vip4)
			for b.Loop() {
				f := must(New(Options{Driver: k.option}))(b)
				ok(b, f.Attach(l.link.Attrs().Index))
				ok(b, f.Close())
			}
		})
	}
}

// BenchmarkSilence lets leases run out under a flood and reports how long after the
// deadline the last answer left, on average and at worst; less than zero is early.
func BenchmarkSilence(b *testing.B) {
	for _, k := range kinds() {
		b.Run(k.option, func(b *testing.B) {
			l := newLab(b)
			f := l.newFence(b, k.option)
			l.hold(b, f, vip4)
			var sum, worst time.Duration
			for i := 0; b.Loop(); i++ {
				deadline := Now().Add(50 * time.Millisecond)
				ok(b, f.Open(vip4, deadline))
				pings := l.flood(b, []netip.Addr{vip4}, func() bool { return Now() < deadline.Add(20*time.Millisecond) })
				var last Boottime
				for _, p := range pings[vip4] {
					last = max(last, p.answered)
				}
				late := last.Sub(deadline)
				if sum += late; i == 0 || late > worst {
					worst = late
				}
			}
			b.ReportMetric(float64(sum.Microseconds())/float64(b.N), "µs-late")
			b.ReportMetric(float64(worst.Microseconds()), "µs-late-worst")
		})
	}
}

// BenchmarkPacket is what the egress program costs a packet: by the kernel's own
// measure, without the rest of its way.
func BenchmarkPacket(b *testing.B) {
	t := newBench(b)
	t.grantAll(b)
	for _, p := range []struct {
		name  string
		frame []byte
	}{
		{"unmanaged", ethernet(there, here, etherIPv4, ip(other4, other4, protoUDP, udp(1, 2, "x")))},
		{"open", ethernet(there, here, etherIPv4, ip(open4, other4, protoUDP, udp(1, 2, "x")))},
		{"closed", ethernet(there, here, etherIPv4, ip(closed4, other4, protoUDP, udp(1, 2, "x")))},
		{"IPv6 unmanaged", ethernet(there, here, etherIPv6, ip(other6, other6, protoUDP, udp(1, 2, "x")))},
	} {
		b.Run(p.name, func(b *testing.B) {
			_, took, err := t.programs[place{egress, true}].Benchmark(p.frame, max(b.N, 1000), b.ResetTimer)
			ok(b, err)
			b.ReportMetric(float64(took.Nanoseconds()), "ns/packet")
		})
	}
}
