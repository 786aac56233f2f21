package state

import (
	"slices"
	"strings"

	"holdfast/cluster"
)

// sessionCreate creates a session; its result is the ID. The same session once more is no error: a client may send a request again.
func (w *writer) sessionCreate(c *cluster.SessionCreate) (any, error) {
	s := c.Session
	s.Behavior = behavior(s.Behavior)
	s.LockDelay = min(s.LockDelay, cluster.MaxLockDelay)
	node := found[cluster.Node](w.txn, tableNodes, nodeKey(s.Node))
	if err := validSession(&s, node); err != nil {
		return nil, err
	}
	s.Node = node.Name
	if had := found[cluster.Session](w.txn, tableSessions, nodeKey(s.ID)); had != nil {
		if sameSession(had, &s) {
			return had.ID, nil
		}
		return nil, cluster.Errorf(cluster.Conflict, "session %q exists already: a new session needs a new ID", s.ID)
	}
	if err := w.sessionChecksPass(&s); err != nil {
		return nil, err
	}
	s.CreateIndex, s.ModifyIndex = w.index, w.index
	w.unbury(tableSessions, nodeKey(s.ID))
	w.put(tableSessions, &s)
	w.touch(setSessions)
	w.touch(ofNodeSessions + strings.ToLower(s.Node))
	return s.ID, nil
}

func behavior(b cluster.SessionBehavior) cluster.SessionBehavior {
	if b == "" {
		return cluster.SessionRelease
	}
	return b
}

func validSession(s *cluster.Session, node *cluster.Node) error {
	switch {
	case s.ID == "" || hasNUL(s.ID):
		return cluster.Errorf(cluster.Invalid, "session ID %q is not usable: want a UUID", s.ID)
	case s.Behavior != cluster.SessionRelease && s.Behavior != cluster.SessionDelete:
		return cluster.Errorf(cluster.Invalid, "Invalid Behavior %q of session %q: want release or delete", s.Behavior, s.ID)
	case s.TTL < 0 || s.LockDelay < 0:
		return cluster.Errorf(cluster.Invalid, "session %q has a negative TTL or LockDelay", s.ID)
	case node == nil:
		return cluster.Errorf(cluster.Invalid, "Missing node registration: node %q of session %q is not in the catalog", s.Node, s.ID)
	}
	return nil
}

// sessionChecksPass refuses a session that would be invalid from its start.
func (w *writer) sessionChecksPass(s *cluster.Session) error {
	for _, id := range sessionChecks(s) {
		c := found[cluster.Check](w.txn, tableChecks, onNode(s.Node, id))
		switch {
		case c == nil:
			return cluster.Errorf(cluster.Invalid, "Missing check '%s' registration: session %q depends on it, and node %q has no such check", id, s.ID, s.Node)
		case c.Status == cluster.Critical:
			return cluster.Errorf(cluster.Invalid, "Check '%s' is in critical state: session %q depends on it", id, s.ID)
		}
	}
	return nil
}

// sessionChecks is the IDs of every check that a session depends on.
func sessionChecks(s *cluster.Session) []string {
	ids := slices.Clone(s.NodeChecks)
	for _, c := range s.ServiceChecks {
		ids = append(ids, c.ID)
	}
	return ids
}

func sameSession(a, b *cluster.Session) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Node == b.Node && a.LockDelay == b.LockDelay && a.Behavior == b.Behavior && a.TTL == b.TTL && a.TTLAsGiven == b.TTLAsGiven &&
		slices.Equal(a.NodeChecks, b.NodeChecks) && slices.Equal(a.ServiceChecks, b.ServiceChecks)
}

func (w *writer) sessionDestroy(c *cluster.SessionDestroy) {
	if s := found[cluster.Session](w.txn, tableSessions, nodeKey(c.ID)); s != nil {
		w.endSession(s)
	}
}

// endSession ends a session, deletes the queries that are bound to it, and releases or deletes the keys that it holds, which cannot be locked again for a while.
func (w *writer) endSession(s *cluster.Session) {
	w.remove(tableSessions, s)
	w.bury(tableSessions, nodeKey(s.ID))
	w.touch(setSessions)
	if node := strings.ToLower(s.Node); first[cluster.Session](w.txn, tableSessions, byNode, below(node)) == nil {
		w.close(ofNodeSessions + node)
	} else {
		w.touch(ofNodeSessions + node)
	}
	w.endQueriesOfSession(s)
	for e := range each[cluster.KVEntry](w.txn, tableKV, bySession, below(s.ID)) {
		w.delayLock(e.Key, s.LockDelay)
		if s.Behavior == cluster.SessionDelete {
			w.kvDelete(e)
			continue
		}
		w.kvPut(e, &cluster.KVEntry{Key: e.Key, Value: e.Value, Flags: e.Flags, LockIndex: e.LockIndex})
	}
}

// endSessionsOfCheck ends the sessions that depend on a check, because it is critical or gone.
func (w *writer) endSessionsOfCheck(c *cluster.Check) {
	for s := range each[cluster.Session](w.txn, tableSessions, byCheck, ofInstance(c.Node, c.ID)) {
		w.endSession(s)
	}
}
