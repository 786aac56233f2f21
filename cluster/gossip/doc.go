// Package gossip is the pool: who is alive, with which tags, on hashicorp/memberlist. It carries opaque bytes and reports events; what a
// member means to the catalog, to Raft or to a virtual IP is decided elsewhere.
//
// A Pool sees each member as alive, leaving, left or failed. memberlist alone knows alive and gone, and tells nobody whether a
// member left or died, so the pool spreads intents: "n1 is about to leave", "n1 is here", "n1 is written off". What follows from them, whatever
// order they arrive in, is decided by package membership. Intents travel by gossip, and with every push/pull for those who missed them; so do the
// members that failed or left, until they are reaped.
//
// User events are payloads of at most MaxPayload bytes that every member delivers once. A member that joins does not get those
// from before.
//
// The probes that find out who is alive also measure how far away that is: each answer carries the coordinate of who answers, and
// [Pool.Coordinate] is this member's own (Vivaldi, as serf has it).
//
// Events reach Config.OnEvent from one goroutine, in order, with no lock held. They are hints: whoever must be right reads Members.
//
// Pools of other clusters are kept out (border.go): who joins is judged by Config.Accept, in both directions, and what members send each
// other from then on bears the ID of their cluster.
//
// Servers of several datacenters have a pool of their own (DefaultWANConfig), which bears a label of its own, so that neither kind hears the other.
//
// The pool never trusts what it reads. Metadata, messages and states of other members are decoded with bounds (package message), and what
// cannot be decoded is dropped and logged.
package gossip
