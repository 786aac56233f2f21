package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"holdfast/cluster"
	"holdfast/cluster/durable"
)

const (
	subdir   = "raft"    // under data_dir
	boltFile = "raft.db" // under subdir

	lockTimeout   = 300 * time.Millisecond // how long the process before this one has to let go of the file
	keptSnapshots = 2
)

// Config says whose storage it is, where it is, and what a new one is like.
type Config struct {
	DataDir string
	ID      string // the node ID
	// Backend is how a new data_dir keeps its log, WAL or Bolt; "" is WAL. An older one stays as it is.
	Backend     string
	SegmentSize int // bytes that a write-ahead log takes from the disk at once
	Keep        Keep
}

// Validate says in one sentence what is wrong with the configuration, or returns nil.
func (c *Config) Validate() error {
	switch {
	case c.DataDir == "":
		return cluster.Errorf(cluster.Invalid, "data_dir is empty: name a directory that survives a restart")
	case c.Backend != "" && c.Backend != WAL && c.Backend != Bolt:
		return cluster.Errorf(cluster.Invalid, "raft_logstore.backend is %q: want %q or %q", c.Backend, WAL, Bolt)
	case c.SegmentSize < MinSegment || c.SegmentSize > maxSegment:
		return cluster.Errorf(cluster.Invalid, "a segment of the raft log has %d bytes: want %d to %d", c.SegmentSize, MinSegment, maxSegment)
	}
	return nil
}

// Storage is where a member keeps its log, its vote and its snapshots. One process at a time has it.
type Storage struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore

	close func() error
}

// Open opens what the member keeps under data_dir, and makes it where it is missing.
func Open(c Config, logger hclog.Logger) (*Storage, error) {
	dir := filepath.Join(c.DataDir, subdir)
	if err := makeDir(c.DataDir, dir); err != nil {
		return nil, err
	}
	db, err := openBolt(c.DataDir, filepath.Join(dir, boltFile))
	if err != nil {
		return nil, err
	}
	s := &Storage{Log: db, Stable: db, close: db.Close}
	if err := s.complete(&c, dir, logger); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close lets go of it.
func (s *Storage) Close() error { return s.close() }

func (s *Storage) complete(c *Config, dir string, logger hclog.Logger) (err error) {
	snapshots := filepath.Join(dir, snapshotsDir)
	if s.Snapshots, err = raft.NewFileSnapshotStoreWithLogger(dir, keptSnapshots, logger); err != nil {
		return cluster.Errorf(cluster.Invalid, "data_dir %q: the directory for snapshots cannot be used: %v", c.DataDir, err)
	}
	s.Snapshots = pacedSnapshots{s.Snapshots, snapshots}
	if err := removeUnfinished(snapshots); err != nil {
		return cluster.Errorf(cluster.Invalid, "data_dir %q: a snapshot that was never finished cannot be removed: %v", c.DataDir, err)
	}
	format, err := s.claim(c)
	if err != nil {
		return err
	}
	if format == formatWAL {
		if err := s.openWAL(c, filepath.Join(dir, walDir), logger); err != nil {
			return err
		}
	}
	kept := &keptLog{LogStore: &recentLog{LogStore: s.Log}, keep: c.Keep, snapshots: s.Snapshots, dir: snapshots}
	s.Log = kept
	if err := errors.Join(kept.dropOvertaken(), kept.dropUnused()); err != nil {
		return cluster.Errorf(cluster.Invalid, "data_dir %q: %v", c.DataDir, err)
	}
	return errors.Join(durable.SyncDir(dir), durable.SyncDir(c.DataDir))
}

// HasState reports whether anything was ever written here in the name of a cluster.
func (s *Storage) HasState() (bool, error) {
	return raft.HasExistingState(s.Log, s.Stable, s.Snapshots)
}

// Damaged says that what is kept cannot be used, and what to do about it.
func Damaged(dataDir string, why any) error {
	return cluster.Errorf(cluster.Invalid, "data_dir %q: its raft log and snapshots cannot be used (%v): %s", dataDir, why, startOver)
}

func makeDir(dataDir, dir string) error {
	err := os.MkdirAll(dir, 0o700)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return cluster.Errorf(cluster.Invalid, "data_dir %q is not a directory, or has something else where its directory %q should be", dataDir, subdir)
	}
	return cluster.Errorf(cluster.Invalid, "data_dir %q cannot be used: %v", dataDir, err)
}

func openBolt(dataDir, path string) (db *raftboltdb.BoltStore, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a file that was cut off is mapped beyond its end
	defer func() {
		if r := recover(); r != nil { // bbolt's answer to pages that make no sense
			db, err = nil, cluster.Errorf(cluster.Invalid, "data_dir %q: %s is damaged (%v): %s", dataDir, path, r, startOver)
		}
	}()
	db, err = raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout:        lockTimeout,
			NoFreelistSync: true, // found again by a scan at the next start: that many fewer bytes in each commit
			FreelistType:   bbolt.FreelistMapType,
		},
		MsgpackUseNewTimeFormat: true,
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, cluster.Errorf(cluster.Invalid, "data_dir %q is in use by another process, which holds %s: stop it, or give this agent a data_dir of its own", dataDir, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, cluster.Errorf(cluster.Invalid, "data_dir %q: %s cannot be opened for writing: %v", dataDir, path, err)
	}
	return nil, cluster.Errorf(cluster.Invalid, "data_dir %q: %s cannot be read as a raft log (%v): %s", dataDir, path, err, startOver)
}

// startOver is what to do about data that cannot be used.
const startOver = "move the directory away and let this member join the others anew"
