// Package membership is the rules of the pool: what a member makes of what it sees and is told. It is plain state, without a network; whoever has it guards it,
// and gives it functions to report and to spread with, which must not wait.
//
// A [Table] has the members. Two sources speak of them. Failure detection (memberlist) says who came and who is gone: Joined, Updated, Lost. Intents say
// why: a member is here, is about to leave, or is written off. An intent bears the time of a Lamport clock that all share, and three rules make everybody agree,
// whatever is lost, repeated or comes in another order:
//
//   - of two intents about one member the later counts, and an older one is not passed on; of two of one time, that it goes;
//   - who is said to be leaving and is not says so itself, at a later time;
//   - who joins says so at a time after all that it has heard.
//
// So a leave that was said before a member came back does not take it away again. An intent about a member that is not known waits for it, within bounds.
// Members that failed or left are kept for a time and are part of what is told in a push/pull, so that an agent that starts later knows them too. One that was
// pruned is forgotten at once; that it was is kept in its stead, or whoever has not heard would bring it back.
//
// A [History] has the user events of late, by a clock of their own: each is news once, and one from before a member came never is.
package membership
