//go:build linux

package main

import (
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/cmd/holdfast/daemontest"
)

// daemons starts three members that run this test's own binary.
func daemons(t *testing.T) *daemontest.Cluster {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return daemontest.Start(t, daemontest.Options{Command: []string{self}, Env: []string{asHoldfast + "=1"}})
}

// TestDurability writes through all members while random ones are killed (kill -9) and started again, without waiting for anyone to
// recover. What was acknowledged is there, whole and once; what was refused as certainly not done is not; indexes never go back. Then all
// three are killed at once, and come back alone with everything.
func TestDurability(t *testing.T) {
	writes, kills, writers := 10_000, 20, 48
	if testing.Short() {
		writes, kills, writers = 1_000, 4, 8
	}
	c := daemons(t)
	l := &ledger{t: t, fate: map[string]fate{}}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	var watchers, workers sync.WaitGroup
	for _, m := range c.Members {
		watchers.Go(func() { watchIndex(watching, t, m.Member, m.KV) })
	}
	watchers.Go(func() { watchIndex(watching, t, "all members in turn", c.KVs()...) })

	writing, enough := context.WithCancel(ctx)
	defer enough()
	begin := time.Now()
	for w := range writers {
		workers.Go(func() { l.write(writing, w, int64(writes), c.KVs()) })
	}
	killAtRandom(writing, c, &l.acked, int64(writes/kills/5), func(n int) {
		if n >= kills && int(l.acked.Load()) >= writes {
			enough()
		}
	})
	workers.Wait()
	t.Logf("%d acknowledged, %d refused, %d of unknown outcome, in %s", l.acked.Load(), l.refused.Load(), l.unknown.Load(), time.Since(begin).Round(time.Millisecond))
	if int(l.acked.Load()) < writes {
		t.Fatalf("only %d of %d writes were acknowledged in time", l.acked.Load(), writes)
	}
	c.StartAll()
	c.AwaitAll()
	l.check(c, "after the kills")

	c.KillAll()
	back := time.Now()
	c.StartAll()
	c.AwaitAll()
	t.Logf("all three served again %s after they were started", time.Since(back).Round(time.Millisecond))
	l.check(c, "after all three were killed at once")
	unwatch()
	watchers.Wait()
}

// killAtRandom kills random members, every other time the leader, until ctx ends; after each it says how many kills that makes. It waits for
// nobody to recover. Only where it has left a slow machine no time to acknowledge progress writes since the last kill, it leaves it more.
func killAtRandom(ctx context.Context, c *daemontest.Cluster, acked *atomic.Int64, progress int64, killed func(n int)) {
	var restarts sync.WaitGroup
	defer restarts.Wait()
	pace, before := 1.0, int64(0)
	for n := 1; daemontest.Pause(ctx, time.Duration(pace*float64(200*time.Millisecond+rand.N(1300*time.Millisecond)))); n++ {
		now := acked.Load()
		if now-before < progress {
			pace = min(2*pace, 16)
		} else {
			pace = max(pace/2, 1)
		}
		before = now
		m := c.Members[rand.N(len(c.Members))]
		if rand.N(2) == 0 {
			m = c.Leader()
		}
		m.Kill()
		restarts.Go(func() {
			daemontest.Pause(ctx, rand.N(600*time.Millisecond))
			m.Start()
		})
		killed(n)
	}
}

// fate is what a writer was told about a write.
type fate uint8

const (
	acknowledged fate = iota + 1
	refused           // certainly not done
	unknown           // may have been done
)

// ledger is what was written, each time under a new key.
type ledger struct {
	t                       *testing.T
	acked, refused, unknown atomic.Int64

	mu   sync.Mutex // guards following
	fate map[string]fate
}

// valueOf is the value of a key, of 50 bytes to 2 kB, in which every byte depends on the key: a torn or foreign one does not pass.
func valueOf(key string) string {
	sum := crc32.ChecksumIEEE([]byte(key))
	return strings.Repeat(fmt.Sprintf("%s=%08x;", key, sum), 2+int(sum%64))
}

// write writes key after key, each through the next member, in haste until the wanted number is acknowledged. Every other one may only create its key: if it were applied twice, the second
// would be refused.
func (l *ledger) write(ctx context.Context, writer int, want int64, members []*daemontest.KV) {
	for n := 0; ctx.Err() == nil; n++ {
		key, query := fmt.Sprintf("durable/%02d/%d", writer, n), ""
		if n%2 == 1 {
			query = "cas=0"
		}
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		ok, err := members[(writer+n)%len(members)].Put(once, key, valueOf(key), query)
		cancel()
		switch {
		case err == nil && !ok:
			l.t.Errorf("%s was created, and refused because it existed: it was applied twice", key)
			l.note(key, unknown, &l.unknown)
		case err == nil:
			l.note(key, acknowledged, &l.acked)
		case daemontest.NotDone(err):
			l.note(key, refused, &l.refused)
			daemontest.Pause(ctx, 10*time.Millisecond)
		default:
			l.note(key, unknown, &l.unknown)
		}
		rest := 2 * time.Millisecond
		if l.acked.Load() >= want { // the kills go on, and the log need not grow without end
			rest = 100 * time.Millisecond
		}
		daemontest.Pause(ctx, rest)
	}
}

func (l *ledger) note(key string, f fate, count *atomic.Int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fate[key] = f
	count.Add(1)
}

// check compares every member's copy with the ledger.
func (l *ledger) check(c *daemontest.Cluster, when string) {
	l.t.Helper()
	for _, m := range c.Members {
		var there []*daemontest.Entry
		daemontest.Await(l.t, m.Member+" lists what it has", func(context.Context) bool {
			ctx, cancel := context.WithTimeout(l.t.Context(), daemontest.Limit) // the list is long
			defer cancel()
			var err error
			there, _, err = m.List(ctx, "durable/", "consistent")
			return err == nil
		})
		l.compare(m.Member+" "+when, there)
	}
}

func (l *ledger) compare(where string, there []*daemontest.Entry) {
	l.t.Helper()
	found := map[string]bool{}
	for _, e := range there {
		found[e.Key] = true
		switch f := l.fate[e.Key]; {
		case f == 0:
			l.t.Errorf("%s has %s, which nobody wrote", where, e.Key)
		case f == refused:
			l.t.Errorf("%s has %s, which was refused as certainly not done", where, e.Key)
		case string(e.Value) != valueOf(e.Key):
			l.t.Errorf("%s has %s torn: %q", where, e.Key, e.Value)
		case e.CreateIndex != e.ModifyIndex:
			l.t.Errorf("%s has %s changed since it was created: it was written once", where, e.Key)
		}
	}
	for key, f := range l.fate {
		if f == acknowledged && !found[key] {
			l.t.Errorf("%s lost %s, which was acknowledged", where, key)
		}
	}
}

// watchIndex polls a key that is written, and deleted, all the while, and holds that its index never goes back.
func watchIndex(ctx context.Context, t *testing.T, name string, members ...*daemontest.KV) {
	t.Helper()
	key := "watched/" + strings.ReplaceAll(name, " ", "-")
	var last uint64
	for n := 0; ctx.Err() == nil; n++ {
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		if n%4 == 3 {
			_, _ = members[n%len(members)].Delete(once, key, "") // whether or not: the index must not go back
		} else {
			_, _ = members[n%len(members)].Put(once, key, "beat", "")
		}
		_, index, err := members[(n/3)%len(members)].Get(once, key, "")
		cancel()
		switch {
		case err != nil:
		case index < last:
			t.Errorf("the index of %s, asked through %s, went back from %d to %d", key, name, last, index)
		default:
			last = index
		}
		daemontest.Pause(ctx, 10*time.Millisecond)
	}
	t.Logf("%s was watched up to index %d", key, last)
}
