// Package failover moves groups of virtual IPs between the machines of a cluster, never to two at once.
//
// Three parts, each simple because it does one thing:
//
//   - failover/plan is a pure function: from a View of the replicated state it says which machine should hold each group, and why, and what it says
//     of every machine that should not. The same function answers `group plan` and `explain`.
//   - failover/assigner runs on the leader. It grants leases (failover/lease), notices machines whose lease channel is gone, runs the plan when
//     anything it reads has changed, and commits the difference as one Steer command. failover/operator answers what people ask.
//   - The [Controller], here, runs on every machine. It is level-triggered: it makes this machine agree with the assignments it knows and the
//     leases it has, and does so again whenever either changes. No event is ever replayed.
//
// An assignment alone gives no right to serve; the lease does, and the kernel enforces the lease (failover/fence): what this package's
// goroutines do late, or not at all, can cost time but never make two machines answer.
//
// The package knows the cluster through the small interfaces in agent.go, and the machine through failover/vip and failover/fence.
package failover
