package consensus

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"holdfast/cluster/codec"
	"holdfast/cluster/state"
)

// BenchmarkPropose measures acknowledged writes of 100 bytes, on real disks (TMPDIR), by n writers at once.
func BenchmarkPropose(b *testing.B) {
	for _, voters := range []int{1, 3} {
		for _, writers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("voters=%d/c=%d", voters, writers), func(b *testing.B) {
				leader := leaderOf(b, startCluster(b, voters, func(c *Config) { c.Multiplier = 5 }))
				benchmarkWriters(b, leader, writers)
			})
		}
	}
}

func benchmarkWriters(b *testing.B, leader *member, writers int) {
	b.Helper()
	encoded := set(b, "key", string(make([]byte, 100)))
	work := make(chan struct{}, b.N)
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range work {
				if _, err := leader.Propose(ctx, encoded); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

// BenchmarkFollowerSeesWrite measures from the acknowledgement of a write until a follower has applied it.
func BenchmarkFollowerSeesWrite(b *testing.B) {
	members := startCluster(b, 3, func(c *Config) { c.Multiplier = 5 })
	leader := leaderOf(b, members)
	follower := without(members, leader)[0]
	encoded := set(b, "key", "value")
	var total time.Duration
	for b.Loop() {
		if _, err := leader.Propose(b.Context(), encoded); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if err := follower.store.WaitApplied(b.Context(), leader.store.AppliedIndex()); err != nil {
			b.Fatal(err)
		}
		total += time.Since(began)
	}
	b.ReportMetric(float64(total.Microseconds())/float64(b.N), "µs/seen")
}

// BenchmarkElection measures how long a cluster is without a leader that answers, from when the leader is cut off.
func BenchmarkElection(b *testing.B) {
	members := startCluster(b, 3, func(c *Config) { c.Multiplier = 1 })
	var total, worst time.Duration
	for range b.N {
		old := leaderOf(b, members)
		began := time.Now()
		old.layer.plug(false)
		leaderOf(b, without(members, old))
		took := time.Since(began)
		total, worst = total+took, max(worst, took)
		old.layer.plug(true)
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "ms/election")
	b.ReportMetric(float64(worst.Milliseconds()), "ms/worst")
}

// BenchmarkWriteDuringSnapshot measures the slowest of the writes that come one after the other while all members write a snapshot of 60 MB.
func BenchmarkWriteDuringSnapshot(b *testing.B) {
	for _, snapshots := range []bool{false, true} {
		b.Run(fmt.Sprint("snapshots=", snapshots), func(b *testing.B) {
			members := startCluster(b, 3, func(c *Config) { c.Multiplier, c.SnapshotBytes = 5, 1<<40 })
			leader := leaderOf(b, members)
			for i := range 600 {
				if _, err := leader.Propose(b.Context(), set(b, key(i), string(make([]byte, 100_000)))); err != nil {
					b.Fatal(err)
				}
			}
			encoded := set(b, "key", string(make([]byte, 500)))
			var slowest []float64
			for b.Loop() {
				var done sync.WaitGroup
				for _, m := range members {
					done.Go(func() {
						if snapshots {
							snapshotNow(b, m)
						}
					})
				}
				worst, end := time.Duration(0), time.Now().Add(time.Second)
				for time.Now().Before(end) {
					began := time.Now()
					if _, err := leader.Propose(b.Context(), encoded); err != nil {
						b.Fatal(err)
					}
					worst = max(worst, time.Since(began))
				}
				done.Wait()
				slowest = append(slowest, float64(worst.Microseconds())/1000)
			}
			slices.Sort(slowest)
			b.ReportMetric(slowest[len(slowest)/2], "ms/slowest")
		})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	f := newFSM(io.Discard)
	for i := range 10_000 {
		_, c, _ := codec.DecodeCommand(set(b, key(i), string(make([]byte, 100))))
		f.store.Apply([]state.Entry{{Index: uint64(i + 1), Command: c}})
	}
	b.ReportAllocs()
	for b.Loop() {
		s := f.store.Snapshot()
		if err := codec.WriteSnapshot(io.Discard, s.Index, s.Records); err != nil {
			b.Fatal(err)
		}
	}
}
