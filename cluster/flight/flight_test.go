package flight

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestNobodyGetsAnOlderAnswer starts callers while a question is under way: they must wait for one that is asked later, and share it.
func TestNobodyGetsAnOlderAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		g := New(time.Minute, func(context.Context) (int64, error) {
			n := asked.Add(1)
			time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock: this is how long a question takes
			return n, nil
		})
		var first, late int64
		var wg sync.WaitGroup
		wg.Go(func() { first, _ = g.Do(t.Context()) })
		synctest.Wait() // the first question is under way
		for range 50 {
			wg.Go(func() {
				v, err := g.Do(t.Context())
				if err != nil {
					t.Error(err)
				}
				atomic.StoreInt64(&late, v)
			})
		}
		wg.Wait()
		if first != 1 || late != 2 || asked.Load() != 2 {
			t.Errorf("first %d, late %d, asked %d times: want 1, 2 and 2", first, late, asked.Load())
		}
	})
}

func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(time.Second, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Do(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the caller gave up", err)
		}
		if _, err := g.Do(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the flight took too long", err)
		}
	})
}
