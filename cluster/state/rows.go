package state

import (
	"sync"
	"time"
)

// IndexRow holds the index of a set of objects: when the answer to a question about the set last changed.
type IndexRow struct {
	Name  string // the set, as "services", "node.n1" or "service.web"
	Index uint64
}

// Tombstone holds the index at which something ceased to exist, until ReapTombstones forgets it.
type Tombstone struct {
	Table string // where it was
	Key   string // its primary key there
	Index uint64
}

// LockDelay keeps a key from being locked again for a while after the session that held it was invalidated.
type LockDelay struct {
	Key   string
	Until time.Time
}

// LastEpoch is the highest epoch that a group's assignment ever had. It outlives the group, so that no epoch is used twice.
type LastEpoch struct {
	Group string
	Epoch uint64
}

// ClusterID is what the cluster is told from others by. There is one at most, and it never changes.
type ClusterID struct {
	ID          string
	ModifyIndex uint64
}

// indexRow is an IndexRow in its table. It keeps what readers have built from the set: each change of the set replaces the row, so
// what was built is right for as long as it can be reached.
type indexRow struct {
	IndexRow
	instances lazy[[]Instance]       // of a service's row
	summaries lazy[[]ServiceSummary] // of the row of all services
	derived   sync.Map               // of a service's row: what surfaces have made of the instances, by their keys
}

// lazy is a value that the first reader builds while the others wait for it.
type lazy[T any] struct {
	once  sync.Once
	value T
}

func (l *lazy[T]) get(build func() T) T {
	l.once.Do(func() { l.value = build() })
	return l.value
}

// The sets that have an IndexRow of their own. That of a node or service exists for as long as there is something in the set; after
// that its tombstone stands for it.
const (
	setNodes       = "nodes"       // every node record
	setServices    = "services"    // the names of the services and their tags
	setInstances   = "instances"   // every instance
	setChecks      = "checks"      // every check
	setSessions    = "sessions"    // every session
	setGroups      = "groups"      // every group
	setAssignments = "assignments" // every assignment
	setPresences   = "presences"   // every presence
	setTimeline    = "timeline"    // the whole timeline
	setCoordinates = "coordinates" // every coordinate
	setQueries     = "prepared-queries"
	ofStatus       = "status."      // + status: the checks in this state
	ofNode         = "node."        // + node: its record and its instances
	ofNodeChecks   = "node-checks." // + node: its checks, those of its instances too
	ofNodeSessions = "node-sessions."
	ofService      = "service."  // + service: its instances with their nodes and all checks that bear on them
	ofTimeline     = "timeline." // + group: its part of the timeline
	ofReaped       = "reaped."   // + table: the highest index of a tombstone that was forgotten
	setShift       = "shift"     // no set: how far the indexes of the state are ahead of the log's (Restore.Supersede)
)
