package consensus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"holdfast/cluster"
)

const (
	raftDir  = "raft"    // under data_dir
	boltFile = "raft.db" // under raftDir

	lockTimeout   = 300 * time.Millisecond // how long the process before this one has to let go of the file
	keptSnapshots = 2
	cachedEntries = 128 // newest log entries kept in memory for the followers
)

// stores is where a peer keeps its log, its vote and its snapshots.
type stores struct {
	log       watchedLog
	stable    raft.StableStore
	snapshots raft.SnapshotStore
	close     func() error
}

// openStores opens what the member keeps under data_dir, and makes it where it is missing.
func openStores(c *Config, peers *peerSet, logger *logger) (*stores, error) {
	dir := filepath.Join(c.DataDir, raftDir)
	if err := makeDir(c.DataDir, dir); err != nil {
		return nil, err
	}
	db, err := openBolt(c.DataDir, filepath.Join(dir, boltFile))
	if err != nil {
		return nil, err
	}
	s := &stores{stable: db, close: db.Close}
	if err := s.complete(c, dir, db, peers, logger); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stores) complete(c *Config, dir string, db *raftboltdb.BoltStore, peers *peerSet, logger *logger) error {
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(dir, keptSnapshots, logger)
	if err != nil {
		return cluster.Errorf(cluster.Invalid, "data_dir %q: the directory for snapshots cannot be used: %v", c.DataDir, err)
	}
	s.log, s.snapshots = watchedLog{db, peers}, watchedSnapshots{snapshots, peers}
	format, err := s.claim(c)
	if err != nil {
		return err
	}
	if format == formatWAL {
		if err := s.openWAL(c, filepath.Join(dir, walDir), logger); err != nil {
			return err
		}
	}
	cached, err := raft.NewLogCache(cachedEntries, s.log.LogStore)
	if err != nil {
		return err
	}
	s.log = watchedLog{cached, peers}
	return errors.Join(syncDir(dir), syncDir(c.DataDir))
}

// hasState reports whether anything was ever written here in the name of a cluster.
func (s *stores) hasState() (bool, error) {
	return raft.HasExistingState(s.log, s.stable, s.snapshots)
}

func makeDir(dataDir, dir string) error {
	err := os.MkdirAll(dir, 0o700)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return cluster.Errorf(cluster.Invalid, "data_dir %q is not a directory, or has something else where its directory %q should be", dataDir, raftDir)
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

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
