package state

import (
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
)

// Session is the session with this ID, nil where there is none.
func (v *View) Session(id string) *cluster.Session {
	s, _ := v.r.ask(tableSessions, nodeKey(id)).(*cluster.Session)
	return s
}

// Sessions is every session in the order of the IDs.
func (v *View) Sessions() []*cluster.Session {
	v.r.askSet(setSessions)
	return slices.Collect(each[cluster.Session](v.r.txn, tableSessions, byID, ""))
}

// NodeSessions is every session of a node in the order of the IDs.
func (v *View) NodeSessions(node string) []*cluster.Session {
	node = strings.ToLower(node)
	v.r.askSet(ofNodeSessions + node)
	return slices.Collect(each[cluster.Session](v.r.txn, tableSessions, byNode, below(node)))
}

// LockDelay is for how much longer a key cannot be locked, 0 where it can.
func (v *View) LockDelay(key string, now time.Time) time.Duration {
	return lockDelay(v.r.txn, key, now)
}
