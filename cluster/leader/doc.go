// Package leader is what only the leader does, for as long as it leads: it gives a cluster that has none its ID and the root of its CA,
// reconciles the gossip pool with the catalog and the peer set, looks after the servers (autopilot), ends sessions whose TTL ran out, writes
// the coordinates that members tell, and forgets old tombstones.
//
// Leadership is a context: Run returns when its context ends, and nothing it started outlives it. Every duty is level-triggered: it
// compares what is with what should be and writes the difference, so a lost event costs time, never correctness.
package leader
