package state

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
)

// TestReadersAndOneWriter holds, best under the race detector, that readers see whole batches only, that a watcher misses no change,
// and that no index goes back, while a writer, snapshots and a restore of the same content go on.
func TestReadersAndOneWriter(t *testing.T) {
	const batches = 400
	s := New()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() { followBatches(ctx, t, s, batches) })
	}
	readers.Go(func() {
		if err := s.WaitApplied(ctx, batches*3); err != nil {
			t.Errorf("waiting for the last batch: %v", err)
		}
	})
	for i := range uint64(batches) {
		value := strconv.FormatUint(i+1, 10)
		check := service("n1", "web", cluster.Passing)
		check.Checks[0].Output = value
		for _, r := range s.Apply([]Entry{{Index: i*3 + 1, Command: set("a", value)}, {Index: i*3 + 2, Command: check}, {Index: i*3 + 3, Command: set("b", value)}}) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if i%100 == 50 {
			sn, r := s.Snapshot(), s.Restore()
			if err := sn.Records(r.Add); err != nil {
				t.Fatal(err)
			}
			r.Commit(sn.Index)
		}
	}
	readers.Wait()
}

// followBatches reads what each batch writes in three places until it has seen the last.
func followBatches(ctx context.Context, t *testing.T, s *Store, last uint64) {
	t.Helper()
	var index uint64
	for {
		v := s.WatchView()
		a, b, web := v.KVGet("a"), v.KVGet("b"), v.ServiceInstances("web")
		switch {
		case a == nil && b == nil && web == nil:
		case a == nil || b == nil || len(web) != 1:
			t.Errorf("part of a batch: %+v, %+v, %+v", a, b, web)
			return
		case string(a.Value) != string(b.Value) || web[0].Checks[0].Output != string(a.Value) || v.Index() != b.ModifyIndex || v.Index() < index:
			t.Errorf("a is %s, b is %s, the check %s at index %d after %d", a.Value, b.Value, web[0].Checks[0].Output, v.Index(), index)
			return
		case string(a.Value) == strconv.FormatUint(last, 10):
			return
		}
		index = v.Index()
		if err := v.Wait(ctx); err != nil {
			t.Errorf("no news after index %d: %v", index, err)
			return
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	w := settled(t)
	for name, ask := range map[string]func(*View){
		"nothing": func(*View) {},
		"one":     func(v *View) { v.KVGet("none") },
		"several": func(v *View) { v.KVGet("b"); v.Nodes() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		v := w.WatchView()
		ask(v)
		done := make(chan error, 1)
		go func() { done <- v.Wait(ctx) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
