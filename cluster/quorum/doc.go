// Package quorum asks a majority of voters for its word, given after the question, that it follows this leader. Consistent reads and
// leases rest on it.
//
// hashicorp/raft's own VerifyLeader is not enough: it can be satisfied by the answer to a heartbeat that was sent before the question. Here
// each question is a message of its own with a number of its own, and only answers with that number count. A voter that fails or says no
// is asked again until the round is over: its daemon may be restarting, or it may not have heard of its leader yet.
//
// Three parts: Memory is a voter, pure; Tally counts answers, pure; Voter and Asker put clocks, Raft and the network around them. The
// model test of failover/lease runs the first two against every fault that it can think of.
//
// # Reads
//
// A voter whose term is n has voted for nobody in a later term. If a majority says so in answer to a question, no later leader had been
// elected when the question was asked: it would have needed one of their votes. So what this leader had committed by then is all there was.
// Whoever reads takes the commit index first and asks for the word afterwards; then a process that is stopped in between reads nothing
// stale. A read asks those first whose word was enough for the last one: a message to the others would cost them and the leader a wake-up each, in
// vain. They are asked as soon as one of the first says no, or after 10 ms.
//
// For default reads the word holds a little longer. A follower of hashicorp/raft refuses its vote to others while it knows a leader, and it
// forgets the leader only once it has heard nothing for the heartbeat timeout. A voter that confirms says how long ago that was; the
// least of what is left holds for the majority, counted from when the round began (trustFor). What breaks the rule is known: a leadership
// that is handed over (Raft.Ordered), another peer set (trusted compares), this member's own vote (trusted looks whether it leads still), and a
// voter that restarts and has forgotten its leader: cluster/consensus lets none take part in an election in its first heartbeat timeout, or in that of the
// process before where it was longer (Ledger).
//
// # Leases
//
// A leader grants a lease only once a majority has given its word in lease grade, after the holder's request arrived. The lease ends TTL
// after the holder sent the request, so it ends less than TTL after any of these words. The voters remember when they gave them.
//
// A new leader asks a majority for that (OlderLeases), and waits until TTL and a margin after the latest. Any two majorities share a voter,
// and the shared one gave its word either before it answered the new leader, then the wait covers it, or after that: this must not be. It is
// not, because a voter answers only when its own term is the new leader's. Raft keeps the term on disk and never goes back, so
// from then on it is in no older leader's term, whatever restarts. Nothing waits for this: those who elected the leader are in its term by
// their vote. (Memory also keeps the term, minTerm. Raft's path for heartbeats writes the term without a lock and could set it back.)
//
// What a voter has forgotten is covered as well:
//
//   - A voter that restarted names its start. What it said before, it said before its start. It gives its word again at once, so a restart
//     within the lease costs no holder anything.
//   - Majorities of two peer sets that are two changes apart need not share a voter. But a round that began under one peer set began before
//     the next change, so a voter notes when it first saw its peer set, and that counts as a word. The asker counts itself in
//     every majority, because it was elected under the set that it asks.
//   - The process before may have had another configuration, and so have promised more. The longest of it is in a file (Ledger) before it is given, and
//     leaves the file when it is over.
//   - A leader may grant longer leases than this member would. The question says how long (Span), and the voter remembers the end.
//
// # Holding on without a leader
//
// A holder that no leader renews may go on if every voter promises (Asker.Hold). A promise is a word: it counts in what the voter says of older
// leases, whatever the term, so that who leads later waits for its end. A voter that follows a leader, or knows of another peer set, promises
// nothing. DESIGN.md has the argument, the plays of failover/lease leave out each part of it.
//
// # Clocks
//
// Only durations travel. A voter's "it can live for another 300 ms" is counted from when the answer arrives, not from when the question
// was sent: the answer was given before it arrived, so less than that is left. What is waited for is measured on CLOCK_MONOTONIC_RAW: it
// stands still while the machine sleeps, and time daemons do not touch it, so what it shows has passed indeed. What is trusted, the word for
// default reads, is measured on CLOCK_BOOTTIME, which runs on in sleep. A process that is stopped and goes on finds that both have run.
package quorum
