// Package stream gives raft connections that notice when the other side is gone.
//
// Raft keeps its connections for long and hardly uses some of them. A [Stream] has the kernel give up those whose peer acknowledges nothing, opens
// one anew that has died in its sleep, before a message is lost to it, and can cut all of them at once: raft waits for its messages when it shuts
// down, and one to a machine without power would take as long as the I/O timeout.
package stream
