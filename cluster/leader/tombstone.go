package leader

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
	"holdfast/cluster/state"
)

// tombstoneTick is how often the leader notes the index, and so how much longer than TombstoneTTL a tombstone may live.
const tombstoneTick = time.Minute

// mark is an index that the state had reached at a time.
type mark struct {
	at    time.Time
	index uint64
}

// reapTombstones forgets tombstones that are older than TombstoneTTL. It notes the index of what can be deleted from time to time; what was
// deleted before a note that is old enough is old enough, too. Where nothing was written nothing is reaped, so a cluster at rest proposes nothing.
func (t *Term) reapTombstones(ctx context.Context) {
	var marks []mark
	noted := uint64(0)
	for ctx.Err() == nil {
		if index := deletable(t.cluster.WatchView()); index > noted {
			noted = index
			marks = append(marks, mark{time.Now(), index})
		}
		due, rest := dueMarks(marks, time.Now().Add(-t.opts.TombstoneTTL))
		if due > 0 {
			if _, err := t.cluster.Apply(ctx, &cluster.ReapTombstones{Index: due}); err == nil {
				marks = rest
			} else if ctx.Err() == nil {
				t.log.Warn("cannot reap tombstones, will try again", "index", due, "error", err)
			}
		}
		pause.For(ctx, tombstoneTick)
	}
}

// deletable is the highest index at which something was written that leaves a tombstone when it is deleted.
func deletable(view *state.View) uint64 {
	view.KVKeys("", "/")
	view.Sessions()
	view.Groups()
	view.Nodes()
	view.Services()
	view.PreparedQueries()
	return view.Index()
}

// dueMarks is the highest index noted at the time or before it, 0 for none, and the marks after it.
func dueMarks(marks []mark, before time.Time) (uint64, []mark) {
	n := 0
	for n < len(marks) && !marks[n].at.After(before) {
		n++
	}
	if n == 0 {
		return 0, marks
	}
	return marks[n-1].index, marks[n:]
}
