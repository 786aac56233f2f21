package cluster

import "time"

// Command is one change of the replicated state. Every type below that has a command method is one. Applying a command is
// deterministic: IDs are made and times are stamped before it enters the log.
//
// Result names what agent.Apply returns beside an error: nil where nothing is said.
type Command interface{ command() }

// Register upserts a node and, with it, an instance and checks, all or nothing.
type Register struct {
	Node           Node
	SkipNodeUpdate bool // leave an existing node as it is
	Service        *Service
	Checks         []*Check
}

// Deregister removes a check, an instance with its checks, or, where neither is named, a whole node.
type Deregister struct {
	Node      string
	ServiceID string
	CheckID   string
}

// KVWrite changes one key, or with KVDeleteTree all keys below one. Result: bool, whether the precondition of a cas, lock or unlock held.
type KVWrite struct {
	Verb  KVVerb
	Entry KVEntry // ModifyIndex is the index to compare for cas and delete-cas
}

// SessionCreate creates a session. Session.ID is made by the caller. Result: string, the ID.
type SessionCreate struct {
	Session Session
}

// SessionDestroy ends a session, releases or deletes its keys and starts their lock delay. An unknown ID is no error.
type SessionDestroy struct {
	ID string
}

// ReapTombstones forgets the tombstones of keys deleted at or before Index.
type ReapTombstones struct {
	Index uint64
}

// PutGroup creates or changes a group. With CAS it does so only if ModifyIndex matches Group.ModifyIndex (0: it must not exist).
type PutGroup struct {
	Group Group
	CAS   bool
}

// PutFullGroup is PutGroup for a group that says more than members of 0.1.0 understand. NewPutGroup chooses.
type PutFullGroup struct{ PutGroup }

// NewPutGroup is the command that creates or changes a group.
func NewPutGroup(g Group, cas bool) Command {
	p := PutGroup{Group: g, CAS: cas}
	if g.plain() {
		return &p
	}
	return &PutFullGroup{p}
}

// PutGroups creates or changes several groups at once, or, where one of them cannot be, none. They may exchange their addresses.
type PutGroups struct{ Groups []Group }

// Await notes that a preempting group waits to go to a better machine, or with no Node that it does not any more. It counts for the epoch
// alone.
type Await struct {
	Group string
	Epoch uint64
	Node  string
	Since time.Time
}

// DeleteGroup deletes a group and its assignment. An unknown name is NotFound.
type DeleteGroup struct {
	Name string
}

// Steer is what the leader's assigner decides in one step: changed presences, the assignments that follow from them, and the entries
// of the timeline that say why. An assignment is taken only if its Epoch is the current one plus one and its group exists, or if it is
// the current one but for Moved, which an operator sets, and Why; each is judged alone. Result: nil, or a Conflict error that names the
// groups that were refused.
type Steer struct {
	Presences   []Presence
	Assignments []Assignment
	Transitions []Transition
}

// PlanMove notes that a group is to be moved to a machine after In, counted from the time of its log entry; it takes the place of a move that
// was planned before. Without a Node it ends such a plan, and Why says why; where there is none it is NotFound. An assignment of a Steer by
// which an operator chooses a holder ends it too, and so does the end of the group.
type PlanMove struct {
	Group string
	Node  string
	In    time.Duration
	Why   string // a sentence, without a Node
}

// Record adds entries to the timeline.
type Record struct {
	Transitions []Transition
}

// UpdateCoordinates writes where nodes are. Nodes that the catalog does not have are skipped: a node may go while its coordinate is on
// its way. A coordinate that is there already writes nothing.
type UpdateCoordinates struct {
	Updates []NodeCoordinate
}

// PutAutopilot sets how the leader looks after the servers. With CAS it does so only if ModifyIndex matches Config.ModifyIndex (0: it was never
// set). Result: bool, whether the precondition held.
type PutAutopilot struct {
	Config Autopilot
	CAS    bool
}

// SetCARoot sets the root of the cluster's own CA. It is taken only if none is set: to repeat it does nothing.
type SetCARoot struct {
	Root CARoot
}

// Restore brings one part of a snapshot that an operator restores. Nothing changes before the last part: it replaces the state of every
// member in one step. Parts come in order; a part that came before may come again. A restore that stops half-way is forgotten when
// another begins, when another member leads, when it is given up, or when no part comes for two minutes.
type Restore struct {
	ID     string // tells this restore from every other
	Part   int    // 0 begins it
	Data   []byte // of the snapshot, compressed with gzip
	Last   bool
	GiveUp bool // forget what came; nothing else counts then
}

// MaxRestorePart is the most Data that a part of a Restore carries.
const MaxRestorePart = 512 << 10

// PutPreparedQuery creates a prepared query, whose ID is made by the caller, or with Update changes the one with this ID.
type PutPreparedQuery struct {
	Query  PreparedQuery
	Update bool
}

// DeletePreparedQuery deletes a prepared query. An unknown ID is NotFound.
type DeletePreparedQuery struct {
	ID string
}

// NewTerm is the first command of every leader. What comes after it in the log is of the leader's own term, so a read
// that has seen it has seen every write acknowledged by earlier leaders.
type NewTerm struct {
	Leader string // the node name
}

// NameCluster gives the cluster its ID, by which it is told from others for ever. It is taken only if none is set: to repeat it does nothing.
// Result: string, the ID that the cluster has.
type NameCluster struct {
	ID string
}

func (*Register) command()            {}
func (*Deregister) command()          {}
func (*KVWrite) command()             {}
func (*SessionCreate) command()       {}
func (*SessionDestroy) command()      {}
func (*ReapTombstones) command()      {}
func (*PutGroup) command()            {}
func (*PutFullGroup) command()        {}
func (*PutGroups) command()           {}
func (*Await) command()               {}
func (*DeleteGroup) command()         {}
func (*Steer) command()               {}
func (*PlanMove) command()            {}
func (*Record) command()              {}
func (*UpdateCoordinates) command()   {}
func (*PutPreparedQuery) command()    {}
func (*DeletePreparedQuery) command() {}
func (*PutAutopilot) command()        {}
func (*SetCARoot) command()           {}
func (*Restore) command()             {}
func (*NewTerm) command()             {}
func (*NameCluster) command()         {}
