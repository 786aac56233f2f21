package state

import (
	"fmt"
	"strconv"
	"testing"

	"holdfast/cluster"
)

func BenchmarkKVGet(b *testing.B) {
	w := newWorld(b)
	for i := range 10_000 {
		w.do(set(fmt.Sprint("app/", i), "value"))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if w.View().KVGet("app/777") == nil {
				b.Error("the key is gone")
			}
		}
	})
}

func BenchmarkKVList100(b *testing.B) {
	w := newWorld(b)
	for i := range 10_000 {
		w.do(set(fmt.Sprintf("app/%02d/%d", i%100, i), "value"))
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(w.View().KVList("app/42/")) != 100 {
			b.Fatal("keys are gone")
		}
	}
}

// BenchmarkKVSetBatch64 sets 64 of 10,000 keys in each batch.
func BenchmarkKVSetBatch64(b *testing.B) {
	s := New()
	index := uint64(0)
	batch := make([]Entry, 64)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			index++
			batch[i] = Entry{Index: index, Command: set(fmt.Sprint("app/", index*7919%10_000), strconv.FormatUint(index, 10))}
		}
		s.Apply(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(index), "ns/set")
}

func instances(b *testing.B, n int) *world {
	b.Helper()
	w := newWorld(b)
	for i := range n {
		r := service(fmt.Sprintf("n%03d", i), "web", cluster.Passing, "a")
		r.Checks = append(r.Checks, &cluster.Check{ID: cluster.SerfHealth, Status: cluster.Passing})
		w.do(r)
	}
	return w
}

func BenchmarkServiceInstances(b *testing.B) {
	for _, n := range []int{10, 200} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := instances(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if len(w.View().ServiceInstances("web")) != n {
					b.Fatal("instances are gone")
				}
			}
		})
	}
}

// BenchmarkServiceInstancesChanging changes a check before each read, so that the answer is built anew.
func BenchmarkServiceInstancesChanging(b *testing.B) {
	for _, n := range []int{10, 200} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := instances(b, n)
			statuses := []cluster.Status{cluster.Warning, cluster.Passing}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				w.do(service("n005", "web", statuses[i%2], "a"))
				if len(w.View().ServiceInstances("web")) != n {
					b.Fatal("instances are gone")
				}
			}
		})
	}
}

func BenchmarkRegisterUnchanged(b *testing.B) {
	w := instances(b, 200)
	c := service("n005", "web", cluster.Passing, "a")
	b.ReportAllocs()
	for b.Loop() {
		w.do(c)
	}
}

// BenchmarkTransaction64 sets 64 of 100,000 keys to values of 512 bytes in each transaction, of which batches have one or four.
func BenchmarkTransaction64(b *testing.B) {
	for _, n := range []int{1, 4} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := New()
			index := uint64(0)
			transaction := func() Entry {
				c := &cluster.Transaction{}
				for range 64 {
					index++
					c.Operations = append(c.Operations, cluster.Operation{KV: &cluster.KVOperation{
						Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: fmt.Sprint("app/", index*7919%100_000), Value: make([]byte, 512), Flags: index},
					}})
				}
				return Entry{Index: index, Command: c}
			}
			for range 1600 {
				s.Apply([]Entry{transaction()})
			}
			batch := make([]Entry, n)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := range batch {
					batch[i] = transaction()
				}
				b.StartTimer()
				s.Apply(batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*64), "ns/set")
		})
	}
}
