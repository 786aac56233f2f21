package state

import (
	"time"

	"holdfast/cluster"
)

func (t *transaction) doKV(o *cluster.KVOperation) error {
	if o.Entry.Key == "" && o.Verb != cluster.KVDeleteTree {
		return cluster.Errorf(cluster.Invalid, "Must provide key: the operation %s names none", o.Verb)
	}
	switch {
	case o.Verb == cluster.KVGetTree:
		for _, e := range t.view.KVList(o.Entry.Key) {
			if err := t.answerKV(e); err != nil {
				return err
			}
		}
		return nil
	case o.Writes():
		return t.writeKV(o)
	}
	return t.readKV(o.Verb, &o.Entry, t.kv(o.Entry.Key))
}

// kv is the entry of a key, nil where there is none.
func (t *transaction) kv(key string) *cluster.KVEntry {
	if t.w == nil {
		return t.view.KVGet(key)
	}
	return found[cluster.KVEntry](t.w.txn, tableKV, key)
}

// readKV does what reads one key: had is its entry.
func (t *transaction) readKV(verb cluster.KVVerb, e, had *cluster.KVEntry) error {
	switch verb {
	case cluster.KVGet:
		if had == nil {
			return cluster.Errorf(cluster.NotFound, "key %q doesn't exist", e.Key)
		}
		return t.answerKV(had)
	case cluster.KVGetOrEmpty:
		if had == nil {
			had = &cluster.KVEntry{Key: e.Key}
		}
		return t.answerKV(had)
	case cluster.KVCheckIndex:
		switch {
		case had == nil:
			return cluster.Errorf(cluster.Conflict, "failed to check index, key %q doesn't exist", e.Key)
		case had.ModifyIndex != e.ModifyIndex:
			return cluster.Errorf(cluster.Conflict, "failed index check for key %q, current modify index %d != %d", e.Key, had.ModifyIndex, e.ModifyIndex)
		}
		return t.answerKV(t.withoutValue(had))
	case cluster.KVCheckSession:
		switch {
		case had == nil:
			return cluster.Errorf(cluster.Conflict, "failed to check session, key %q doesn't exist", e.Key)
		case had.Session != e.Session:
			return cluster.Errorf(cluster.Conflict, "failed session check for key %q, current session %q != %q", e.Key, had.Session, e.Session)
		}
		return t.answerKV(t.withoutValue(had))
	case cluster.KVCheckNotExists:
		if had != nil {
			return cluster.Errorf(cluster.Conflict, "key %q exists", e.Key)
		}
		return nil
	}
	return cluster.Errorf(cluster.Invalid, "unknown KV verb %q", verb)
}

// writeKV does what writes, and tells of the entry that there is then.
func (t *transaction) writeKV(o *cluster.KVOperation) error {
	held, err := t.w.kvWrite(&cluster.KVWrite{Verb: o.Verb, Entry: o.Entry})
	if err != nil {
		return err
	}
	if held != true {
		return t.refusedKV(o)
	}
	switch o.Verb {
	case cluster.KVDelete, cluster.KVDeleteCAS, cluster.KVDeleteTree:
		return nil
	}
	return t.answerKV(t.withoutValue(t.kv(o.Entry.Key)))
}

// refusedKV says which precondition did not hold.
func (t *transaction) refusedKV(o *cluster.KVOperation) error {
	key := o.Entry.Key
	switch o.Verb {
	case cluster.KVCAS:
		return cluster.Errorf(cluster.Conflict, "failed to set key %q, index is stale", key)
	case cluster.KVDeleteCAS:
		return cluster.Errorf(cluster.Conflict, "failed to delete key %q, index is stale", key)
	case cluster.KVUnlock:
		return cluster.Errorf(cluster.Conflict, "failed to unlock key %q, lock isn't held, or is held by another session", key)
	}
	if had := t.kv(key); had != nil && had.Session != "" {
		return cluster.Errorf(cluster.Conflict, "failed to lock key %q, lock is already held", key)
	}
	until := t.w.now.Add(lockDelay(t.w.txn, key, t.w.now))
	return cluster.Errorf(cluster.Conflict, "failed to lock key %q due to lock delay until %s", key, until.Format(time.RFC3339Nano))
}

// answerKV tells of an entry, unless that would be too much.
func (t *transaction) answerKV(e *cluster.KVEntry) error {
	t.size += len(e.Key) + len(e.Value) + rowSize
	if t.size > t.most {
		return cluster.Errorf(cluster.TooLarge, "the answer exceeds %d bytes at key %q: ask for less at once, or with recurse", t.most, e.Key)
	}
	if t.rows == nil {
		t.rows = make([]cluster.TransactionRow, 0, t.operations)
	}
	t.rows = append(t.rows, cluster.TransactionRow{KV: e})
	return nil
}

// rowSize is what a row takes beside its key and value.
const rowSize = 128

// withoutValue is a copy of an entry, without its value.
func (t *transaction) withoutValue(e *cluster.KVEntry) *cluster.KVEntry {
	if t.bare == nil {
		t.bare = make([]cluster.KVEntry, 0, t.operations)
	}
	t.bare = append(t.bare, *e)
	n := &t.bare[len(t.bare)-1]
	n.Value = nil
	return n
}
