package leader

import (
	"context"
	"time"

	"holdfast/cluster"
)

// tombstoneTick is how often the leader notes the index, and so how much longer than TombstoneTTL a tombstone may live.
const tombstoneTick = 30 * time.Second

// mark is an index that the state had reached at a time.
type mark struct {
	at    time.Time
	index uint64
}

// reapTombstones forgets tombstones that are older than TombstoneTTL. It notes the KV index from time to time; what was deleted before
// a note that is old enough is old enough too.
func (t *Term) reapTombstones(ctx context.Context) {
	tick := time.NewTicker(tombstoneTick)
	defer tick.Stop()
	var marks []mark
	for {
		view := t.cluster.WatchView()
		view.KVKeys("", "/")
		if n := len(marks); n == 0 || marks[n-1].index < view.Index() {
			marks = append(marks, mark{time.Now(), view.Index()})
		}
		if due, rest := dueMarks(marks, time.Now().Add(-t.opts.TombstoneTTL)); due > 0 {
			if _, err := t.cluster.Apply(ctx, &cluster.ReapTombstones{Index: due}); err != nil {
				t.log.Warn("cannot reap tombstones", "index", due, "error", err)
			} else {
				marks = rest
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// dueMarks is the highest index noted before the time, 0 for none, and the marks after it.
func dueMarks(marks []mark, before time.Time) (uint64, []mark) {
	n := 0
	for n < len(marks) && marks[n].at.Before(before) {
		n++
	}
	if n == 0 {
		return 0, marks
	}
	return marks[n-1].index, marks[n:]
}
