// Package lane carries what a leader sends a follower while the log is at rest: the entries that it is about to store itself, and then word
// that they are committed.
//
// Raft's own transport waits for an answer to each message, codes by reflection, and passes from one goroutine to the next. That is no matter for
// votes, for snapshots and for a member that has to catch up, which stay with it. But a single write to a small cluster is two messages to each
// follower and little else, so they have a connection of their own:
//
//   - entries are answered when the follower has stored them, one message at a time;
//   - word of a commit is not answered. It is behind the entries that it is about, so it cannot come before them; whoever it does
//     not reach hears of the commit with raft's next message.
//
// A connection begins with the byte [First], which no message of raft's transport begins with, and the follower answers with the newest [Version] that
// it speaks and with its ID: where another member is by now at the address, there is no lane. A member from before lanes closes the connection
// instead, and is told everything in raft's way. What is on the lane is the same raft.AppendEntriesRequest in other bytes (frame.go), and the follower's raft treats it as it does any other.
package lane
