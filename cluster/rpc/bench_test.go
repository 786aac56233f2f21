package rpc

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkCalls is the rate of small calls from 64 callers over one connection: what a member forwards to its leader.
func BenchmarkCalls(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 512} {
		b.Run("callers="+itoa(callers), func(b *testing.B) {
			c, addr := benchPair(b)
			req := make([]byte, 64)
			if _, err := c.Call(b.Context(), addr, methodEcho, req); err != nil {
				b.Fatal(err)
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range callers {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					defer cancel()
					for left.Add(-1) >= 0 {
						if _, err := c.Call(ctx, addr, methodEcho, req); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkCallLatency is the time of a single call on an otherwise idle connection.
func BenchmarkCallLatency(b *testing.B) {
	c, addr := benchPair(b)
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		start := time.Now()
		if _, err := c.Call(b.Context(), addr, methodEcho, nil); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	reportPercentiles(b, took)
}

// BenchmarkStreamRoundTrip is one message there and one back on a stream: a lease renewal's share of the wire.
func BenchmarkStreamRoundTrip(b *testing.B) {
	c, addr := benchPair(b)
	s, err := c.OpenStream(b.Context(), addr, methodEchoStream)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	msg := make([]byte, 64)
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		start := time.Now()
		if err := s.Send(msg); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Recv(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	reportPercentiles(b, took)
}

func reportPercentiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func benchPair(b *testing.B) (*Client, string) {
	b.Helper()
	s := serve(b, Options{}, echo)
	return newClient(b, Options{}), s.Addr().String()
}
