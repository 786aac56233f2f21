// Package watch hands answers of the cluster to programs and URLs whenever they change: Consul's watches, in the agent and as a verb.
//
// A [Follower] follows the answer to one question; what it answers is the JSON that Consul's handlers know, made of that of the HTTP API.
// It asks a [Source], which in the agent is the API itself, without a connection, and in the verb an agent. The first answer is one that
// the leader stands behind, so that no handler is run for the emptiness of an agent that has just started; all that follow are read from the
// state beside the source and need no leader: while there is none nothing changes, and when there is one again nothing has slept.
//
// Answers are compared whole. A handler runs once for a change, one run at a time; what changes meanwhile is one change for the next run, which
// is given how things are then, not how they were in between. A run that hangs is killed at its timeout with everything in its process group, a
// run that failed is tried again as often as the watch says, unless there is something newer, and of its output the end is kept.
//
// The [Runner] makes what runs agree with a list of watches: those that stand in it unchanged run on.
package watch
