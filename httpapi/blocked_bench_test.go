package httpapi

import (
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
)

// BenchmarkBlockedPoll tells what a poll that waits takes of memory, its connection included: B/poll. The client's half is in the same process, without
// its goroutine.
func BenchmarkBlockedPoll(b *testing.B) {
	m := newMember().populate(b)
	var waiting atomic.Int64
	s := newTestServer(b, New(m.config(), Deps{Reader: &countedReader{m, &waiting}, Writer: m}, discard), Limits{})
	inUse := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapInuse + stats.StackInuse
	}
	const n = 2000
	for b.Loop() {
		before := inUse()
		var conns []net.Conn
		for i := range n {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				b.Fatal(err)
			}
			fmt.Fprintf(c, "GET /v1/kv/never-%d?index=1&wait=10m HTTP/1.1\r\nHost: x\r\n\r\n", i)
			conns = append(conns, c)
		}
		eventually(b, "every poll waits", func() bool { return waiting.Load() == n })
		b.ReportMetric(float64(inUse()-before)/n, "B/poll")
		for _, c := range conns {
			_ = c.Close()
		}
		eventually(b, "every poll ends", func() bool { return waiting.Load() == 0 })
	}
}
