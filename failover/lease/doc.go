// Package lease is the protocol by which one machine at a time has the right to serve a group. It is pure: no goroutine, no socket, no
// clock of its own; whoever uses it passes the time and carries the messages.
//
// A holder sends a Renewal about every quarter of the TTL. The leader asks a majority whether it still leads (cluster/quorum), and then the
// Granter decides; its Answer says what was granted. The holder counts the TTL from before it sent the request.
//
// # Never two live leases
//
// Within one leadership the Granter knows every lease that it granted, and grants a new epoch only when the one before was given back or
// has ended by its own, later reckoning: it counts TTL and margin from when it answered, the holder counts TTL from when it asked.
//
// Across leaderships, the new leader has applied every assignment that older leaders committed, and grants a new epoch only after
// NotBefore, when no lease of an older leader can live (quorum.Asker.OlderLeases). One exception makes a change of the leader invisible to
// clients: a holder whose lease lives as it asks, for the epoch that the state names, may go on. While its lease lives no other does, no
// older leader can grant another epoch (it would have had to commit it, and then the state would name it), and this leader grants none
// beside it.
//
// An epoch that was given back is never granted again, so a renewal that arrives late or twice opens nothing; a holder that gave an epoch
// back, or lost it, ignores any later grant of it.
//
// # Clocks
//
// Only durations matter. The holder measures on CLOCK_BOOTTIME, which runs on while a machine sleeps, and the kernel closes the fence by the
// same clock: what was suspended wakes up closed. The leader measures on the monotonic clock, which stands still while it sleeps: it
// waits too long, never too short. Two clocks may differ in rate by up to 1 %, a hundred times what any working machine shows; Margin
// covers that.
package lease
