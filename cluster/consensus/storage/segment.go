package storage

import (
	"errors"
	"os"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"holdfast/cluster/durable"
)

// segmentPiece is how many bytes of a segment are written ahead: some hundred small entries, or a dozen large ones.
const segmentPiece = 512 << 10

// segments are the segments of a write-ahead log in dir. A segment is reserved as a whole, and written ahead: see durable.Ahead.
func segments(dir string) types.SegmentFiler { return segment.NewFiler(dir, segmentFiles{fs.New()}) }

// segmentFiles is the file system as a write-ahead log uses it.
type segmentFiles struct{ *fs.FS }

// Create makes a segment.
func (s segmentFiles) Create(dir, name string, size uint64) (types.WritableFile, error) {
	w, err := s.FS.Create(dir, name, size)
	if err != nil {
		return nil, err
	}
	return newSegmentFile(w, &w.(*fs.File).File)
}

// OpenWriter opens a segment that is not full.
func (s segmentFiles) OpenWriter(dir, name string) (types.WritableFile, error) {
	w, err := s.FS.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	return newSegmentFile(w, w.(*os.File))
}

// segmentFile is a segment that is appended to.
type segmentFile struct {
	types.WritableFile
	ahead  *durable.Ahead
	synced bool // as a whole, and its name in the directory
}

func newSegmentFile(w types.WritableFile, f *os.File) (types.WritableFile, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &segmentFile{WritableFile: w, ahead: durable.NewAhead(f, segmentPiece, info.Size())}, nil
}

// WriteAt appends.
func (f *segmentFile) WriteAt(b []byte, at int64) (int, error) { return f.ahead.WriteAt(b, at) }

// Sync returns when what was written survives a loss of power.
func (f *segmentFile) Sync() error {
	if f.synced {
		return f.ahead.Sync()
	}
	err := f.WritableFile.Sync()
	f.synced = err == nil
	return err
}
