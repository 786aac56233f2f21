package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

// TestASnapshotOnAFullDisk has the disk take no more of a snapshot: nothing of it stays, or the disk would be fuller after each attempt.
func TestASnapshotOnAFullDisk(t *testing.T) {
	for name, end := range map[string]func(raft.SnapshotSink) error{"cancelled": raft.SnapshotSink.Cancel, "closed": raft.SnapshotSink.Close} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), WAL, Keep{})
			sink, err := s.Snapshots.Create(1, 7, 1, raft.Configuration{}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sink.Write([]byte("state")); err != nil {
				t.Fatal(err)
			}
			dir := s.Snapshots.(pacedSnapshots).dir
			fill(t, filepath.Join(dir, sink.ID()+unfinished, stateFile))
			if err := end(sink); err == nil {
				t.Error("no error")
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("%v is left, error %v", left, err)
			}
		})
	}
}

// fill has whoever has a file open write to a full device instead.
func fill(t *testing.T, path string) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	n := 0
	for fd := range 1024 {
		if target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || target != path {
			continue
		}
		if err := unix.Dup3(int(full.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n == 0 {
		t.Fatalf("nobody has %s open", path)
	}
}
