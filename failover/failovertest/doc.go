// Package failovertest is what the tests of failover share: a replicated state without a cluster, whose writes are applied at once, the commands that
// make its machines and groups, and a lease channel in memory.
package failovertest
