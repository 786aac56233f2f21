// Package agent assembles one member: gossip, the RPC port, Raft, the replicated state, local registrations and the leader's duties.
//
// It has one way to read, Query, and one way to write, Apply. Every member holds the state, so a read always answers from memory here;
// what differs is how fresh that memory must be, and only an index travels for it, never the query. A write goes into the log here if
// this member leads, and over the RPC port to the leader if it does not.
//
// The surfaces (HTTP, DNS, failover) see the agent through small interfaces that they declare themselves.
package agent
