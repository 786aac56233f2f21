package pause

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestFor holds that a wait lasts as long as it was asked to, and ends with its context.
func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if !For(t.Context(), time.Minute) || time.Since(begun) != time.Minute {
			t.Errorf("a minute took %v", time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		if For(ctx, time.Minute) || time.Since(begun) != time.Second {
			t.Errorf("a context that ended after a second was waited for %v", time.Since(begun))
		}
		if begun = time.Now(); For(ctx, -time.Minute) || time.Since(begun) != 0 {
			t.Errorf("a context that had ended was waited for %v", time.Since(begun))
		}
	})
}
