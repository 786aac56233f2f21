package state

import (
	"bytes"

	"holdfast/cluster"
)

// kvWrite does what a verb says; its result is whether the precondition held.
func (w *writer) kvWrite(c *cluster.KVWrite) (any, error) {
	e := &c.Entry
	if err := validKVWrite(c); err != nil {
		return false, err
	}
	had := found[cluster.KVEntry](w.txn, tableKV, e.Key)
	switch c.Verb {
	case cluster.KVCAS, cluster.KVSet:
		if c.Verb == cluster.KVCAS && modifyIndex(had) != e.ModifyIndex {
			return false, nil
		}
		w.kvSet(had, e)
	case cluster.KVLock:
		return w.kvLock(had, e)
	case cluster.KVUnlock:
		if had == nil || had.Session != e.Session {
			return false, nil
		}
		w.kvPut(had, &cluster.KVEntry{Key: e.Key, Value: e.Value, Flags: e.Flags, LockIndex: had.LockIndex})
	case cluster.KVDeleteCAS:
		if had != nil && had.ModifyIndex != e.ModifyIndex {
			return false, nil
		}
		w.kvDelete(had)
	case cluster.KVDelete:
		w.kvDelete(had)
	case cluster.KVDeleteTree:
		for old := range each[cluster.KVEntry](w.txn, tableKV, byID, e.Key) {
			w.kvDelete(old)
		}
	}
	return true, nil
}

func validKVWrite(c *cluster.KVWrite) error {
	e := &c.Entry
	switch c.Verb {
	case cluster.KVSet, cluster.KVCAS, cluster.KVDelete, cluster.KVDeleteCAS, cluster.KVDeleteTree:
	case cluster.KVLock, cluster.KVUnlock:
		if e.Session == "" {
			return cluster.Errorf(cluster.Invalid, "missing session: the %s of key %q names none", c.Verb, e.Key)
		}
	default:
		return cluster.Errorf(cluster.Invalid, "verb %q of a write to key %q is not known", c.Verb, e.Key)
	}
	switch {
	case e.Key == "" && c.Verb != cluster.KVDeleteTree:
		return cluster.Errorf(cluster.Invalid, "Missing key name: the key is empty")
	case len(e.Value) > cluster.MaxValueSize:
		return cluster.Errorf(cluster.TooLarge, "the value of key %q has %d bytes: at most %d are allowed", e.Key, len(e.Value), cluster.MaxValueSize)
	}
	return nil
}

// kvSet sets value and flags. Who holds the lock stays, how often it was acquired is forgotten.
func (w *writer) kvSet(had, e *cluster.KVEntry) {
	n := &cluster.KVEntry{Key: e.Key, Value: e.Value, Flags: e.Flags}
	if had != nil {
		n.Session = had.Session
	}
	w.kvPut(had, n)
}

func (w *writer) kvLock(had, e *cluster.KVEntry) (any, error) {
	if lockDelay(w.txn, e.Key, w.now) > 0 { // nobody gets it, whatever became of who asks
		return false, nil
	}
	s := found[cluster.Session](w.txn, tableSessions, nodeKey(e.Session))
	if s == nil {
		return false, cluster.Errorf(cluster.Invalid, "invalid session %q: it does not exist (any more); create one and try again", e.Session)
	}
	n := &cluster.KVEntry{Key: e.Key, Value: e.Value, Flags: e.Flags, Session: s.ID, LockIndex: 1}
	switch {
	case had != nil && had.Session == s.ID:
		n.LockIndex = had.LockIndex
	case had != nil && had.Session != "":
		return false, nil
	case had != nil:
		n.LockIndex = had.LockIndex + 1
	}
	w.kvPut(had, n)
	return true, nil
}

// kvPut stores n in the place of had. An entry that says what it said before keeps its index, so that nobody wakes for it.
func (w *writer) kvPut(had, n *cluster.KVEntry) {
	n.CreateIndex, n.ModifyIndex = w.index, w.index
	if had == nil {
		w.unbury(tableKV, n.Key)
	} else {
		n.CreateIndex = had.CreateIndex
		if had.Flags == n.Flags && had.Session == n.Session && had.LockIndex == n.LockIndex && bytes.Equal(had.Value, n.Value) {
			return
		}
	}
	w.put(tableKV, n)
}

func (w *writer) kvDelete(had *cluster.KVEntry) {
	if had != nil {
		w.remove(tableKV, had)
		w.bury(tableKV, had.Key)
	}
}

func modifyIndex(e *cluster.KVEntry) uint64 {
	if e == nil {
		return 0
	}
	return e.ModifyIndex
}
