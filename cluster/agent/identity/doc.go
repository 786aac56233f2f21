// Package identity is who a member is: its node ID, which its data directory keeps for ever, and the cluster that it belongs to, by which it tells
// friends from strangers before anything is merged. It knows neither raft nor gossip.
package identity
