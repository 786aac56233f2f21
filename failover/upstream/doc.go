// Package upstream tells the proxies of this machine whom to pass to, from the replicated state.
//
// A Spec names a service. Its passing instances are offered; or, where the Spec asks for a writer, one of them alone.
//
// # One writer
//
// Without a group the writer is the instance that has a tag or a passing check of the given name. Two that claim it are two too many: the one that
// is offered stays, and where none is, nobody is offered until one of them gives up.
//
// With a group the writer is the instance on the group's holder, once that has the lease in the epoch of the assignment. Connections of an older
// epoch are cut before the new one is offered. And because another machine's proxy might not have heard of the new epoch yet, each asks the
// leader several times in a lease whether what it knows still stands (a read with a majority's word behind it). Without an answer for Within,
// counted from the question, it offers nobody and cuts. Who makes a database writable waits that long after the lease was granted: then no
// proxy of the cluster passes anything to the writer of an older epoch.
package upstream
