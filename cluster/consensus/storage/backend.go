package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	hclog "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/types"

	"holdfast/cluster"
	"holdfast/cluster/durable"
)

// The log is kept in one of two ways. A write-ahead log appends, and syncs once per write; bbolt keeps pages in a tree, and syncs twice.
// For one entry of 600 bytes that took 126 and 334 µs, and 45 and 152 µs of CPU time. The vote is in bbolt with either.
const (
	WAL  = "wal"
	Bolt = "boltdb"

	MinSegment = 16 << 10 // the least bytes of a segment of a write-ahead log
	walDir     = "wal"    // under subdir
	maxSegment = 256 << 20
)

// openWAL opens the write-ahead log in dir, which was made when the data_dir was claimed.
func (s *Storage) openWAL(c *Config, dir string, logger hclog.Logger) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = unreadable(c, dir, r)
		}
	}()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return unreadable(c, dir, "it is gone")
	}
	log, err := wal.Open(dir, wal.WithMetaStore(walMeta{s.Stable}), wal.WithSegmentSize(c.SegmentSize), wal.WithLogger(logger))
	if err != nil {
		return unreadable(c, dir, err)
	}
	db := s.close
	s.Log, s.close = log, func() error { return errors.Join(log.Close(), db()) }
	return nil
}

func unreadable(c *Config, path string, why any) error {
	return cluster.Errorf(cluster.Invalid, "data_dir %q: %s cannot be read as a raft log (%v): %s", c.DataDir, path, why, startOver)
}

// makeWALDir makes the directory sub of dir for a write-ahead log, for good.
func makeWALDir(dir, sub string) error {
	if err := os.MkdirAll(sub, 0o700); err != nil {
		return fmt.Errorf("make the directory of the log: %w", err)
	}
	return durable.SyncDir(dir)
}

// walMetaKey holds, beside the vote, which segments the write-ahead log has.
const walMetaKey = "HoldfastSegments"

// walMeta keeps what a write-ahead log says of its segments in the store of the vote: what belongs together is locked, kept and lost together.
type walMeta struct{ raft.StableStore }

// Load reads the segments; those of a new log are none.
func (m walMeta) Load(string) (segments types.PersistentState, err error) {
	b, err := m.Get([]byte(walMetaKey))
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return segments, nil
	}
	if err != nil {
		return segments, fmt.Errorf("read the list of segments: %w", err)
	}
	if err := json.Unmarshal(b, &segments); err != nil {
		return segments, fmt.Errorf("the list of segments is damaged: %w", err)
	}
	return segments, nil
}

// CommitState replaces the segments, and returns when the disk has them.
func (m walMeta) CommitState(segments types.PersistentState) error {
	b, err := json.Marshal(segments)
	if err != nil {
		return err
	}
	return m.Set([]byte(walMetaKey), b)
}

// GetStable is for a log that keeps the vote too; this one does not.
func (m walMeta) GetStable(key []byte) ([]byte, error) { return m.Get(key) }

// SetStable is GetStable's counterpart.
func (m walMeta) SetStable(key, value []byte) error { return m.Set(key, value) }

// Close leaves the store to its owner.
func (walMeta) Close() error { return nil }
