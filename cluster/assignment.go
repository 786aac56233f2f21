package cluster

import (
	"cmp"
	"strings"
	"time"
)

// Assignment says which machine is to hold a group. Alone it gives no right to serve: the lease does. Its epoch is the fencing token:
// it rises with every change of the holder, and a lease is granted for the current epoch only.
// An Assignment that a View hands out is shared and must not be changed.
type Assignment struct {
	Group string
	Node  string    // the holder, "" while no machine is eligible
	Epoch uint64    // 1 is the first
	VIPs  []VIP     // what the holder serves in this epoch; a change of the group's addresses takes a new epoch
	Moved bool      // an operator chose this holder: neither prefer nor preempt takes the group from it while it is eligible
	Why   string    // the reason, a sentence
	Since time.Time // when the leader decided

	Falls       []Fall    `codec:",omitempty"` // machines that lost the group against their will, lately
	Better      string    `codec:",omitempty"` // a machine that a preempting group waits to go to, "" for none
	BetterSince time.Time `codec:",omitempty"` // when it came to be the better one

	ModifyIndex uint64
}

// Fall says that a machine lost a group because it could not hold it any more. A machine that falls again soon is held down: it comes after the
// others for a while that doubles each time.
type Fall struct {
	Node  string
	Times int       // in a row
	Last  time.Time // the newest
}

// Presence is what failover knows of a machine beside its catalog record: whether it keeps its lease channel to the leader, and which
// groups it cannot carry. The leader commits a change together with the assignments that follow from it.
type Presence struct {
	Node          string
	Live          bool
	Why           string            // the reason for the last change of Live, a sentence
	Since         time.Time         // of that change
	Unable        map[string]string // group -> why this machine cannot carry it, a sentence; AnyGroup for all, those to come included
	HardwareAddrs []string          // MAC addresses of its interfaces, so that a probe can tell a member from a stranger
	Networks      []string          // where it can carry addresses, an interface and a prefix each: "eth0 10.77.0.11/24"

	ModifyIndex uint64
}

// AnyGroup stands for every group in Presence.Unable: a witness is known as one before there is a group that it could be given.
const AnyGroup = "*"

// Hinders says in a sentence why the machine cannot carry a group, "" where it can.
func (p *Presence) Hinders(group string) string { return cmp.Or(p.Unable[group], p.Unable[AnyGroup]) }

// StoppingWhy is how the reason of a presence begins whose daemon stops in good order.
const StoppingWhy = "its daemon is stopping: "

// Leaving reports whether the machine is not live because its daemon stops in good order.
func (p *Presence) Leaving() bool { return !p.Live && strings.HasPrefix(p.Why, StoppingWhy) }

// TransitionKind is the kind of one step in the life of a group.
type TransitionKind string

// The kinds of transitions.
const (
	TransitionGroup    TransitionKind = "group"    // the group was created, changed or deleted
	TransitionPresence TransitionKind = "presence" // a machine's lease channel was lost or came back, or what it can carry changed
	TransitionPlan     TransitionKind = "plan"     // an operator planned a move, or the plan ended without it
	TransitionAssign   TransitionKind = "assign"   // the leader chose a holder, or none
	TransitionAcquire  TransitionKind = "acquire"  // a machine got the lease and opened its fence
	TransitionRelease  TransitionKind = "release"  // a machine fenced the addresses and gave the lease back
	TransitionLapse    TransitionKind = "lapse"    // a machine's lease ran out
	TransitionAnnounce TransitionKind = "announce" // the first gratuitous ARP or unsolicited NA was sent
	TransitionHook     TransitionKind = "hook"     // a hook ended; Detail has its output
	TransitionConflict TransitionKind = "conflict" // another machine answers for the address
	TransitionRepair   TransitionKind = "repair"   // something else removed an address, and it was put back
	TransitionRestore  TransitionKind = "restore"  // the whole state was replaced by a snapshot
	TransitionRun      TransitionKind = "run"      // a unit or program that goes with the group was started or stopped
	TransitionVerify   TransitionKind = "verify"   // the machine asked itself whether it serves the group, and what came of it
	TransitionHold     TransitionKind = "hold"     // a machine goes on without a leader, with every other voter's word
)

// Transition is one entry of the timeline: what happened to a group, where, when and why. The state keeps the newest
// TimelineSize of them.
type Transition struct {
	Index  uint64 // of the commit that recorded it; with Seq it is unique and orders the timeline
	Seq    int    // its place within that commit
	Time   time.Time
	Kind   TransitionKind
	Group  string        // "" for what concerns a machine as a whole
	Node   string        // where it happened
	Epoch  uint64        // 0 where none applies
	Why    string        // a sentence
	Detail string        // output of a check or hook, addresses and interfaces
	Took   time.Duration // how long it took, 0 where it is an instant
}

// TimelineSize is how many transitions the replicated timeline keeps.
const TimelineSize = 1000

// Supposition is what a plan is to take for true although the state does not say so.
type Supposition struct {
	Failed []string                     // machines
	Checks map[string]map[string]Status // node -> name of a service or of a node check -> its status
}

// Budget is how long a group may be unserved at worst when something happens, by the configuration as it is.
type Budget struct {
	Group string
	Cause string // "machine", "leader", …
	What  string // what happens, a sentence
	Worst time.Duration
	Why   string // what it consists of
}

// Verdict is what the plan says of one machine as a holder of one group.
type Verdict struct {
	Node     string
	Eligible bool
	Rank     int    // 1 is the best of the eligible machines; 0 where not eligible
	Why      string // a sentence: why not, or why this rank
	Change   string // a sentence: what would make it the holder, "" for the one that is
}

// Decision is the plan's word on one group: who should hold it, why, and what it says of every machine.
type Decision struct {
	Group    string
	Node     string // the wanted holder, "" for none
	Current  string // the holder in the state, "" for none
	Epoch    uint64 // the epoch in the state
	Why      string // a sentence
	Verdicts []Verdict
	Planned  *PlannedMove // a move that an operator planned, nil for none

	Fell        bool      // the current holder loses it against its will
	Better      string    // a machine that would be preferred and has to wait for preempt_delay, "" for none
	BetterSince time.Time // since when
	Again       time.Time // when the decision may be another for no other reason than time; zero for never
}

// Changed reports whether the decision differs from the state.
func (d *Decision) Changed() bool { return d.Node != d.Current }

// Holding is what one machine does for a group at this moment.
type Holding struct {
	Group     string
	Node      string
	Epoch     uint64
	Phase     string        // "claiming", "starting", "serving", "holding" (without a leader) or "releasing"
	Remaining time.Duration // until the lease ends if it is not renewed, 0 where there is none
	Addresses []string      // with their interfaces, "10.77.0.100/24 on eth0"
	Fence     string        // what enforces the lease, "ebpf/tcx"
}
