package cluster

import "time"

// Consistency is how fresh a read must be.
type Consistency uint8

// The consistencies of a read. Default and Consistent are both linearizable here; Consistent asks a majority for each read,
// Default trusts a majority's word for as long as no other leader can have been elected since. Stale answers from the local state.
const (
	Default Consistency = iota
	Consistent
	Stale
)

var consistencyNames = [...]string{"leader", "consistent", "stale"}

// String is the value of Consul's X-Consul-Effective-Consistency header.
func (c Consistency) String() string { return consistencyNames[c%3] }

// Limits of blocking reads. They are Consul's.
const (
	DefaultWait    = 5 * time.Minute
	MaxWait        = 10 * time.Minute
	WaitJitterPart = 16 // a wait is lengthened by up to 1/WaitJitterPart at random
)

// QueryOptions are the options of a read.
type QueryOptions struct {
	Consistency Consistency
	MinIndex    uint64        // above 0 the read blocks until its index exceeds this
	MaxWait     time.Duration // how long it blocks at most; 0 means DefaultWait
	Token       string        // the ACL token
}

// QueryMeta is what an answer says of itself.
type QueryMeta struct {
	Index       uint64        // at least 1, never lower than before for the same question
	KnownLeader bool          //
	LastContact time.Duration // since this member last heard from the leader, 0 on the leader and for an answer as fresh as the leader
	Consistency Consistency   // as answered
}

// WriteOptions are the options of a write.
type WriteOptions struct {
	Token string // the ACL token
}
