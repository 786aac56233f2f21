// Package lease is the protocol by which one machine at a time has the right to serve a group. It is pure: no goroutine, no socket;
// whoever uses it passes the time and carries the messages.
//
// A holder sends a Renewal about every quarter of the TTL. When it arrives, the Granter decides what could be granted (Granter.Renew); then
// a majority is asked whether this leader leads still (cluster/quorum); then the Answer says what was granted (Granter.Confirmed). The
// holder counts the TTL from before it sent the renewal, and the kernel closes its fence by that deadline.
//
// # Never two live leases
//
// Call a lease live on a machine while its deadline lies ahead on that machine's clock. At any instant at most one machine has a live lease
// on a group, and the epochs of those leases never go back. Messages may be late, lost, doubled and out of order; processes may crash,
// restart, and be stopped and go on; machines may sleep.
//
// Within one leadership the Granter knows every lease that it may have granted, from the moment that it decides: it counts TTL and margin
// from when the renewal arrived, the holder counts TTL from before it sent it, so the Granter's end is the later one. Another machine is
// granted the group only after that end, or after the holder has given its epoch back. Giving back is final: the fence was shut first, and a
// grant that was asked for before counts for nothing (Holder.Drop, Holder.GiveBack), whenever it arrives. For a leader the messages
// of a machine have one order: what a process of it sent before what has arrived already is ignored, and so is everything of a process
// that another has followed (Renewal.Run, Seq). Otherwise the last word of a daemon that went down, "given back", could overtake
// the first lease of the one that came up.
//
// Across leaderships there are two ways.
//
// The slow one: the new leader grants only after NotBefore, when no lease of an older leader lives (quorum.Asker.OlderLeases).
//
// The fast one makes a change of the leader invisible to clients: a machine whose lease is live as it asks may go on at once, if the state
// names it. It has to know that this leader leads, because it names the leader's term, so it asked after the election. Why is that enough?
// A lease that an older leader grants rests on a majority's word in that leader's term. One voter of this majority also elected the new
// leader, and gave its word before it did. So the request had arrived, and the older leader had decided, before the election: it decided
// that no other machine's lease was live then or later. But ours was, later. Hence no older leader has granted the group to another machine
// for any time after we asked, nor ever will; and what this leader grants, it knows. Two details matter. The decision is made
// when the request arrives, before the majority is asked: an older leader that is stopped between the two must not decide by a clock
// that has run on. And "the state names it" means a state with everything that older leaders committed; with an older state no second
// machine could serve, but an epoch could follow a higher one.
//
// That a machine's lease is live tells the new leader more than that: nobody else has one. So from then on it knows the group as if it
// had granted that lease itself, and a move need not wait for NotBefore, only for the machine to give the group back.
//
// # Clocks
//
// Only durations matter, and only the rates of clocks. The holder measures on CLOCK_BOOTTIME, which runs on while a machine sleeps, and the
// kernel closes the fence by the same clock: what was suspended wakes up closed. A process that is stopped between having its grant and
// telling the kernel tells it a deadline that has passed. The leader and the voters measure on CLOCK_MONOTONIC_RAW (Now), which stands
// still while they sleep, and which no time daemon slews: they wait too long, never too short. Margin says how much the rates may differ.
//
// # The model
//
// The tests run this package, with the voters' part of cluster/quorum, in worlds of their own. TestEveryOrder takes every order of messages and
// events in small plays, each around one rule; TestNeverTwoLiveLeases draws worlds with every fault at once. Both leave out one rule at a
// time as well, and then something must go wrong. HOLDFAST_MODEL=100 draws a hundred times as many worlds, and
// takes the plays two steps further.
package lease
