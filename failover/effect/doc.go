// Package effect makes a machine do what goes with the addresses of a group: sysctls, routes and NAT, units and programs, and the
// questions that it asks itself once it serves.
//
// Like failover/vip it decides nothing. Set takes all that is wanted of this machine at this moment, for all groups, and makes the machine agree:
// what is missing is added, what is there and ours and not wanted is removed. It may be called at any time and as often as one likes; what it
// says was missing although it had been put there before, something else has removed (Changes.Restored).
//
// # What is ours
//
// Routes bear our number as protocol. NAT lies in a table of its own, inet holdfast_nat, that nobody else has a reason to touch. Of sysctls
// and of what was started the machine keeps no mark, so a ledger in the data directory says what was there before and what runs. With these
// a daemon that starts takes over what an earlier one left, and removes what is not wanted any more. A route of the machine's own is
// never replaced: a group that wants the same destination, table and metric is refused with a sentence.
//
// # Runs
//
// A Run is started with the lease and before the addresses open, and stopped after they are shut. The kernel closes an address at the end of a
// lease, whatever becomes of the daemon; it does not end a program. Where the daemon was killed, what it started runs on until the next
// daemon stops it, and where a stop takes longer than a lease, another machine may have started meanwhile. A program that must never
// run twice needs a lock of its own, such as a session of the key/value store.
package effect
