// Package message is what members of a gossip pool say to each other, beside what memberlist says by itself, and the bytes that it takes. It is pure: who
// sends what, and what follows from it, is the business of cluster/gossip.
//
// A message is its kind, one byte, and the fields of that kind:
//
//	Intent      somebody is here, is about to leave, or is written off
//	UserEvent   an opaque payload for everybody
//	KeyRequest  to one member: do something with a gossip key
//	KeyAnswer   to who asked that
//
// Three more things travel in places that memberlist has for them, and begin with the number of their form instead: a [State] goes with every push/pull, tags
// are the metadata of a member, and a coordinate is the answer to a probe.
//
// Numbers are uvarints, byte strings have their length before them, and fields are in a fixed order (wire.go). These bytes are spoken between releases: a
// field is only ever added at the end, where an older decoder does not look, and the tests hold each form byte by byte.
//
// What comes in is not trusted. Decoding bounds each length before anything is allocated, refuses names and addresses that no member can have, and
// never fails but by an error.
package message
