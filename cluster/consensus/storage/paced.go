package storage

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

const (
	stateFile = "state.bin" // the state in the directory of a snapshot
	syncEvery = 1 << 20     // bytes of a snapshot
)

// pacedSnapshots are snapshots that reach the disk while they are written. If it were left to the end, the disk would have all of a large one to write at once, and
// each write to the log would wait for that.
type pacedSnapshots struct {
	raft.SnapshotStore
	dir string
}

// Create begins a snapshot.
func (s pacedSnapshots) Create(version raft.SnapshotVersion, index, term uint64, peers raft.Configuration, peersIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(version, index, term, peers, peersIndex, trans)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(s.dir, sink.ID()+unfinished, stateFile), os.O_WRONLY, 0)
	if err != nil {
		return nil, errors.Join(err, sink.Cancel())
	}
	return &pacedSink{SnapshotSink: sink, dir: filepath.Dir(file.Name()), file: file}, nil
}

// pacedSink is a snapshot that is being written.
type pacedSink struct {
	raft.SnapshotSink
	dir      string // what is written so far
	file     *os.File
	unsynced int
}

func (s *pacedSink) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var k int
		k, err = s.SnapshotSink.Write(p[:min(len(p), syncEvery)])
		n, p, s.unsynced = n+k, p[k:], s.unsynced+k
		if err == nil && s.unsynced >= syncEvery {
			s.unsynced, err = 0, s.file.Sync()
		}
	}
	return n, err
}

// Close ends a snapshot that is whole.
func (s *pacedSink) Close() error { return s.end(s.SnapshotSink.Close) }

// Cancel ends one that is not.
func (s *pacedSink) Cancel() error { return s.end(s.SnapshotSink.Cancel) }

// end ends a snapshot. On a full disk raft's own way to do that fails and leaves what is written, and that would be more with each attempt.
func (s *pacedSink) end(how func() error) error {
	_ = s.file.Close() // a second end, which raft allows, finds it closed
	err := how()
	if err != nil {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}
