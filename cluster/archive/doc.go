// Package archive is the file in which an operator keeps a snapshot: a tar archive compressed with gzip, of the form that Consul's snapshots
// have, so that scripts around it go on working.
//
//	meta.json   what the snapshot is of: index, term, servers, size of the state (Meta)
//	state.bin   the state, in the format of cluster/codec
//	SHA256SUMS  a line for each of the two: hex digest, two spaces, name
//
// [Write] streams; nothing is kept on a disk. [Read], and [Decode] for who reads the state and keeps no copy, believe nothing: an archive that is
// cut off, altered, or has anything else in it is refused with one sentence, and only their nil error says that what came out is whole. What
// state.bin means is not this package's to know.
package archive
