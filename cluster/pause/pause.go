// Package pause waits for a while, and no longer than a context: what stands between two tries of a loop that is to end when its owner says so.
// Like the standard library it knows nothing of ours, and whoever waits may use it.
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends. It reports whether ctx goes on.
func For(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
