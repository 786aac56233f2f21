// Package storage is what one member of the peer set keeps under data_dir/raft, and whose it is.
//
// raft.db is the vote (bbolt), wal/ the log, and snapshots/ holds the newest snapshot, and the one before as long as the log goes on from it. What of the log stays
// behind a snapshot is bounded by bytes (keep.go). They belong to one node ID for ever: raft is unsafe with a
// log that another member wrote, so [Open] refuses one, and what another program or a newer version left. With the backend [Bolt], and in a data_dir
// of the first format, the log is in raft.db too. A data_dir keeps the format that it was made with (backend.go, owner.go).
package storage
