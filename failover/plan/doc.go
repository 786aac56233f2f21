// Package plan says of every group which machine should hold it, and why. It is pure: the same View and Question give the same answer, on
// every member. The leader commits it, `group plan`, `simulate` and `explain` show it.
//
// The rules, strongest first:
//
//  1. A machine is eligible for a group while its lease channel is live, it can carry the group, it is not in maintenance, none of its
//     node checks is critical, and, where the group names a service, an instance of it on the machine is not critical. The node check
//     serfHealth takes no part: it is gossip's word on what the lease channel proves. It only counts like a warning where a new
//     holder is chosen.
//  2. The holder stays while it is eligible. There are two exceptions: a group that preempts goes to a better machine, once that has been
//     better for preempt_delay; and one that is to be together with another group follows it. A holder that an operator chose stays even then.
//  3. Otherwise the best machine takes over. Better is, in this order: passing rather than warning; not held down after a fall; without a group
//     that this one is to be apart from; with a group that it is to be together with; earlier in prefer; less loaded; earlier by name.
//     Rules 1 and 2 aside, nothing here leaves a group without a holder while a machine is eligible.
//
// The load of a machine is the weight of the groups on it, in relation to its own weight (the node's metadata failover_weight, 1 where it is
// missing). No group is moved by preempt because of a name alone.
//
// Groups are decided one after another, each knowing where those before it go: first those that stay whatever happens, then those that need a
// holder, then those that may choose; within these, one that is to be together with another comes after it, and else by name.
package plan
