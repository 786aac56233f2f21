// Package conntrack lets established connections survive that their gateway moves: it keeps what the kernels of several machines know of connections
// alike, by running conntrackd, of the netfilter project, beside the agent.
//
// A gateway that translates addresses can pass on a connection only if its kernel tracks it. conntrackd hears of each change from the kernel and tells the
// others, by multicast in the network of the machines' own addresses, and the others put it into their kernels at once (DisableExternalCache), so
// that nothing need be done when a machine takes over: what it lacks then it could not get any more. Two things follow a move. Who takes over says anew
// what it tracks, since it is the one now from whom a machine that comes back learns it; and who has let go forgets that these connections were its own, or
// it would tell of their end when they time out here, unused, and end them there.
//
// What a Sync is to do is a state, set at any time: whether conntrackd runs, and what this machine serves. Where it cannot run, the report says so in a
// sentence, and connections break at a move as they would without it. It tells and hears everything in clear and from anyone: the network is to be one's own.
package conntrack
