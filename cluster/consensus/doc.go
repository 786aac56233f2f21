// Package consensus keeps the replicated state of the members equal: hashicorp/raft decides the order of the log entries, and each
// member applies them to its own state.Store.
//
// # Peer
//
// A [Peer] is one member of the peer set, voter or non-voter. New stores, Open starts, Close ends and waits. A member with an empty
// data_dir waits: for Bootstrap, once in the life of a cluster, or for the leader's AddVoter or AddNonvoter.
//
// Writing: the leader's [Peer.Propose] takes an encoded command, stamps it with the leader's time, and returns what applying it gave.
// Its errors say whether sending the command again is safe: cluster.NoLeader, Unavailable and TooLarge mean that it never entered
// the log, cluster.Unknown that it may have. Every other error is the answer of the state to a command that was applied.
//
// Reading: [Peer.ReadIndex] is how far the leader's log is committed. Whoever waits until its store has applied that index has seen
// every write that was acknowledged before, provided that a majority confirms the leader after the question arrived. That is the
// caller's part: each voter answers with [Peer.Following].
//
// Leading: leadership is a context. [Peer.Lead] runs a function in each term that this member leads, once its cluster.NewTerm has been
// applied; the context of the function ends the moment the leadership does. There is at most one leader in a term.
//
// Voting: a member votes for nobody until it has heard nothing from its leader for the heartbeat timeout, and one that is started again not
// within its first (hold.go). cluster/quorum builds on it. Only a leader that hands over its leadership is replaced sooner.
//
// The voters store an entry while the leader does (ahead.go); that it is committed is known once the leader has it, too.
//
// Followers learn of a commit as soon as the leader has applied it and its log is at rest (tell.go), so what was just written can be read
// everywhere at once.
//
// Both travel on lanes ([holdfast/cluster/consensus/lane]), where the other member knows them; all the rest is raft's own transport's.
//
// What a member keeps on its disk is the part of [holdfast/cluster/consensus/storage], what stands in the log and in a snapshot that of
// [holdfast/cluster/codec], and the connections to the others that of [holdfast/cluster/consensus/stream].
package consensus
