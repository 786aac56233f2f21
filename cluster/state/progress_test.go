package state

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestWaitApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		s.Skip(5)
		if err := s.WaitApplied(t.Context(), 5); err != nil {
			t.Fatalf("waiting for what is applied: %v", err)
		}
		const waiters = 2000
		done := make(chan uint64, waiters)
		for i := range waiters {
			go func() {
				index := 6 + uint64(i%4)
				if err := s.WaitApplied(t.Context(), index); err != nil {
					t.Error(err)
				}
				done <- index
			}()
		}
		for _, step := range []struct{ apply, woken uint64 }{{6, 500}, {8, 1000}, {20, 500}} {
			synctest.Wait()
			if len(done) != 0 {
				t.Fatalf("%d waiters woke early", len(done))
			}
			s.Apply([]Entry{{Index: step.apply, Command: set("k", "v")}})
			synctest.Wait()
			if len(done) != int(step.woken) {
				t.Fatalf("index %d woke %d waiters, want %d", step.apply, len(done), step.woken)
			}
			for range step.woken {
				if index := <-done; index > step.apply {
					t.Errorf("a waiter for %d woke at %d", index, step.apply)
				}
			}
		}
	})
}

// TestWaitAppliedForgets holds that a waiter who gives up leaves nothing behind, and does not disturb another one for the same index.
func TestWaitAppliedForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp, stayed := make(chan error, 3), make(chan error, 1)
		for _, index := range []uint64{7, 8, 9} {
			go func() { gaveUp <- s.WaitApplied(ctx, index) }()
		}
		go func() { stayed <- s.WaitApplied(t.Context(), 8) }()
		synctest.Wait()
		cancel()
		for range 3 {
			if err := <-gaveUp; !errors.Is(err, context.Canceled) {
				t.Errorf("a waiter gave up with %v", err)
			}
		}
		if n, m := len(s.applied.waiting), len(s.applied.byIndex); n != 1 || m != 1 {
			t.Errorf("%d and %d milestones are left, want 1", n, m)
		}
		s.Skip(8)
		if err := <-stayed; err != nil {
			t.Error(err)
		}
	})
}
