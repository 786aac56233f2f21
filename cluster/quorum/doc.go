// Package quorum asks a majority of voters for its word, given after the question, that it still follows this leader. Consistent reads and
// leases both rest on it.
//
// hashicorp/raft's own VerifyLeader is not enough: it can be satisfied by the answer to a heartbeat that was sent before the question.
// Here each question is a message of its own, and only its own answers count.
//
// # Reads
//
// A voter that follows the leader of term n has voted for nobody in a later term. If a majority says so after the question was asked, no
// later leader had been elected when it was asked, so what this leader has committed is all there is. For default reads the word is good
// a little longer: a follower refuses its vote to others for Raft's heartbeat timeout after it last heard from the leader, and a voter
// that confirms says how long ago that was. (A leadership that is handed over breaks this rule; HandOver is for that.)
//
// # Leases
//
// A leader grants a lease only after a majority has confirmed it, in lease grade, after the holder's request arrived. The lease ends
// TTL after the holder sent the request, so it ends before any of those confirmations is older than TTL. A new leader asks a majority when
// each of them last confirmed an older one (OlderLeases), and waits until TTL and a margin after the latest. Any two majorities share a
// voter, so whatever the older leader granted has ended by then, provided that no voter of the majority confirms it afterwards. Hence:
//
//   - A voter that has answered a leader of term n confirms no leader of a lower term any more.
//   - It forgets that when it restarts. So a voter that started lately counts as one that confirmed in the instant it started, and it
//     confirms nobody in lease grade until it has been up for TTL and margin: by then, whatever it may have confirmed and forgotten is over.
//   - Majorities of two configurations that are several steps apart need not share a voter. A round uses the configuration in force when
//     it began, so the change that took a voter out came after it: a voter notes when it first saw a configuration, and that counts as a
//     possible confirmation too.
//
// Only durations travel. Each is measured on one machine's monotonic clock, which stands still while that machine sleeps: ages come
// out too small, and the wait too long, which is the safe side.
package quorum
