// Package operator answers /v1/operator/: the peer set of Raft, autopilot and how the servers are, gossip's keyring, and how much is used.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/operator.
package operator
