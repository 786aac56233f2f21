// Package assigner is what the leader does for failover: it keeps the lease channels of the machines, grants leases (failover/lease), notices machines
// that are gone, runs the plan (failover/plan) whenever anything that it reads has changed, and commits the difference as one Steer command.
//
// One [Assigner] lives for one leadership. Before it grants anything it asks a majority until when leases of older leaders may live. What it grants is
// decided when the renewal arrives, and said once a majority has confirmed that it leads still: a leader that was stopped in between grants nothing.
// New assignments, and groups that have become vacant, are pushed over the lease channels at once, because raft's next message may take some
// milliseconds. An address that another group had comes into an assignment only when no lease that covers it can live.
package assigner
