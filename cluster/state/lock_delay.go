package state

import (
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// maxRemaining is more than any lock delay with any sane difference between the clocks of two leaders. A longer rest comes from a
// clock that was far ahead, and must not lock a key out until then.
const maxRemaining = 2 * cluster.MaxLockDelay

func lockDelay(txn *table.Txn, key string, now time.Time) time.Duration {
	d := found[LockDelay](txn, tableLockDelays, key)
	if d == nil {
		return 0
	}
	if left := d.Until.Sub(now); left > 0 && left <= maxRemaining {
		return left
	}
	return 0
}

// delayLock keeps a key from being locked for a while, and forgets the delays that are over.
func (w *writer) delayLock(key string, delay time.Duration) {
	for d := range each[LockDelay](w.txn, tableLockDelays, byUntil, "") {
		if d.Until.After(w.now) {
			break
		}
		w.remove(tableLockDelays, d)
	}
	if delay > 0 {
		w.put(tableLockDelays, &LockDelay{Key: key, Until: w.now.Add(delay)})
	}
}
