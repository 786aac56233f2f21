package compat

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// TestLock: two programs of a cluster want one lock, through different servers, and the one that has it dies.
func TestLock(t *testing.T) {
	all := startCluster(t, 3)
	lock := func(a *agent) *api.Lock {
		l, err := a.LockOpts(&api.LockOptions{Key: "job/lock", SessionTTL: "10s", LockDelay: time.Millisecond, MonitorRetries: 10, MonitorRetryTime: time.Second})
		ok(t, err)
		return l
	}
	first, second := lock(all[0]), lock(all[1])
	lost, err := first.Lock(nil)
	ok(t, err)
	taken := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		_, err := second.Lock(stop)
		taken <- err
	}()
	select {
	case err := <-taken:
		t.Fatalf("the lock was given twice: %v", err)
	case <-lost:
		t.Fatal("the lock was lost at once")
	case <-time.After(500 * time.Millisecond):
	}
	pair, _, err := all[2].KV().Get("job/lock", &api.QueryOptions{RequireConsistent: true})
	ok(t, err)
	_, err = all[2].Session().Destroy(pair.Session, nil)
	ok(t, err)
	within(t, "the holder learns that its session is over", lost)
	within(t, "the other gets the lock", taken)
	ok(t, second.Unlock())
	ok(t, second.Destroy())
}

// TestSemaphore: of three who want one of two slots one waits, until another lets go.
func TestSemaphore(t *testing.T) {
	a := start(t)
	var held []*api.Semaphore
	next := func() *api.Semaphore {
		s, err := a.SemaphoreOpts(&api.SemaphoreOptions{Prefix: "slots", Limit: 2, SemaphoreWaitTime: 500 * time.Millisecond, SemaphoreTryOnce: len(held) == 2})
		ok(t, err)
		return s
	}
	for range 2 {
		s := next()
		if lost, err := s.Acquire(nil); err != nil || lost == nil {
			t.Fatalf("a free slot: %v", err)
		}
		held = append(held, s)
	}
	third := next()
	if lost, err := third.Acquire(nil); err != nil || lost != nil {
		t.Errorf("a third slot of two: %v, %v", lost, err)
	}
	ok(t, held[0].Release())
	if lost, err := third.Acquire(nil); err != nil || lost == nil {
		t.Errorf("the slot that was let go: %v", err)
	}
}

// within waits for something on a channel, or its end.
func within[T any](t *testing.T, what string, c <-chan T) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("%s: not within %s", what, limit)
	}
}
