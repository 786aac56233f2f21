package storage

import (
	"os"
	"path/filepath"
	"testing"

	hclog "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const entrySize = 1000 // of the entries in these tests, with their overhead

// open opens the stores of a member under dir that keeps what keep says.
func open(t *testing.T, dir, backend string, keep Keep) *Storage {
	t.Helper()
	s, err := Open(Config{ID: "a", DataDir: dir, Backend: backend, SegmentSize: MinSegment, Keep: keep}, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// grow appends entries of entrySize, from first to last.
func grow(t *testing.T, s *Storage, first, last uint64) {
	t.Helper()
	for i := first; i <= last; i += 10 {
		var logs []*raft.Log
		for j := i; j < min(i+10, last+1); j++ {
			logs = append(logs, &raft.Log{Index: j, Term: 1, Data: make([]byte, entrySize-entryOverhead)})
		}
		if err := s.Log.StoreLogs(logs); err != nil {
			t.Fatal(err)
		}
	}
}

// snapshot writes a snapshot of size bytes up to an index.
func snapshot(t *testing.T, s *Storage, index uint64, size int) {
	t.Helper()
	sink, err := s.Snapshots.Create(1, index, 1, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKeep(t *testing.T) {
	at := func(index uint64) func() uint64 { return func() uint64 { return index } }
	const last, snap = 200, 190
	for _, c := range []struct {
		name string
		keep Keep
		size int    // of the snapshot
		want uint64 // the first entry that stays
	}{
		{"nothing", Keep{}, 1, snap + 1},
		{"some entries", Keep{Entries: 50, Bytes: 1e9}, 1, last - 49},
		{"some bytes", Keep{Entries: 1e9, Bytes: 30 * entrySize}, 1, last - 29},
		{"fewer than came after the snapshot", Keep{Entries: 5, Bytes: 1e9}, 1, snap + 1},
		{"all", Keep{Entries: 1e9, Bytes: 1e9}, 1, 1},
		{"what a follower lacks", Keep{Lagging: at(120), Spared: 1e9}, 1, 121},
		{"what a follower lacks if it is less than the snapshot", Keep{Lagging: at(120)}, 100 * entrySize, 121},
		{"no more for a follower than the snapshot takes", Keep{Lagging: at(20)}, 100 * entrySize, last - 99},
		{"more than a follower lacks", Keep{Entries: 100, Bytes: 1e9, Lagging: at(180), Spared: 1e9}, 1, last - 99},
		{"for no follower", Keep{Entries: 20, Bytes: 1e9, Lagging: at(0), Spared: 1e9}, 1, last - 19},
		{"for a follower that has all", Keep{Lagging: at(last), Spared: 1e9}, 1, snap + 1},
	} {
		for _, backend := range []string{WAL, Bolt} {
			t.Run(backend+": "+c.name, func(t *testing.T) {
				s := open(t, t.TempDir(), backend, c.keep)
				grow(t, s, 1, last)
				snapshot(t, s, snap, c.size)
				if err := s.Log.DeleteRange(1, snap); err != nil {
					t.Fatal(err)
				}
				first, err := s.Log.FirstIndex()
				if err != nil || first != c.want {
					t.Errorf("the log begins at %d, error %v, want %d", first, err, c.want)
				}
			})
		}
	}
}

// TestDeletionsThatAreNoCompaction holds that the end of the log, and all of it, goes when raft says so.
func TestDeletionsThatAreNoCompaction(t *testing.T) {
	for _, backend := range []string{WAL, Bolt} {
		s := open(t, t.TempDir(), backend, Keep{Entries: 1e9, Bytes: 1e9})
		grow(t, s, 1, 100)
		if err := s.Log.DeleteRange(51, 100); err != nil {
			t.Fatal(err)
		}
		if last, err := s.Log.LastIndex(); err != nil || last != 50 {
			t.Errorf("%s: the log ends at %d, error %v, want 50", backend, last, err)
		}
		if err := s.Log.DeleteRange(1, 50); err != nil {
			t.Fatal(err)
		}
		if last, err := s.Log.LastIndex(); err != nil || last != 0 {
			t.Errorf("%s: the log ends at %d, error %v, want 0", backend, last, err)
		}
	}
}

// TestOldSnapshots holds that an older snapshot stays for as long as the log goes on from it, and no longer: to restore it then would be to forget.
func TestOldSnapshots(t *testing.T) {
	for _, c := range []struct {
		name string
		keep Keep
		do   func(s *Storage) error
		want int
	}{
		{"the log goes on from both", Keep{Entries: 60, Bytes: 1e9}, func(s *Storage) error { return s.Log.DeleteRange(1, 90) }, 2},
		{"the log begins right behind the older one", Keep{Entries: 50, Bytes: 1e9}, func(s *Storage) error { return s.Log.DeleteRange(1, 90) }, 2},
		{"the log goes on from the newer one alone", Keep{Entries: 49, Bytes: 1e9}, func(s *Storage) error { return s.Log.DeleteRange(1, 90) }, 1},
		{"the newer one is the leader's, and the log is gone", Keep{Entries: 1e9, Bytes: 1e9}, func(s *Storage) error { return s.Log.DeleteRange(1, 100) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, WAL, c.keep)
			grow(t, s, 1, 100)
			snapshot(t, s, 50, 1)
			snapshot(t, s, 90, 1)
			if err := c.do(s); err != nil {
				t.Fatal(err)
			}
			if list, err := s.Snapshots.List(); err != nil || len(list) != c.want || list[0].Index != 90 {
				t.Errorf("%d snapshots, error %v, want %d", len(list), err, c.want)
			}
		})
	}
}

// TestALogThatASnapshotHasOvertaken has a snapshot come from the leader with entries that the log lacks: nothing of the log stays, neither where raft takes it
// for a compaction nor where the process ends before, and the next entries can be stored.
func TestALogThatASnapshotHasOvertaken(t *testing.T) {
	for _, backend := range []string{WAL, Bolt} {
		for name, then := range map[string]func(t *testing.T, s *Storage, dir string) *Storage{
			"compacted": func(t *testing.T, s *Storage, _ string) *Storage {
				t.Helper()
				if err := s.Log.DeleteRange(1, 99); err != nil {
					t.Fatal(err)
				}
				return s
			},
			"killed": func(t *testing.T, _ *Storage, dir string) *Storage {
				t.Helper()
				return open(t, copied(t, dir), backend, Keep{Entries: 1e9, Bytes: 1e9})
			},
		} {
			t.Run(backend+", "+name, func(t *testing.T) {
				dir := t.TempDir()
				s := open(t, dir, backend, Keep{Entries: 1e9, Bytes: 1e9})
				grow(t, s, 1, 100)
				snapshot(t, s, 90, 1)
				snapshot(t, s, 500, 1)
				s = then(t, s, dir)
				if last, err := s.Log.LastIndex(); err != nil || last != 0 {
					t.Errorf("the log ends at %d, error %v, want none", last, err)
				}
				grow(t, s, 501, 510)
				if first, err := s.Log.FirstIndex(); err != nil || first != 501 {
					t.Errorf("the log begins at %d, error %v, want 501", first, err)
				}
				if list, err := s.Snapshots.List(); err != nil || len(list) != 1 || list[0].Index != 500 {
					t.Errorf("snapshots %v, error %v, want the one at 500", list, err)
				}
			})
		}
	}
}

// TestWhatAnOlderVersionLeft holds that a snapshot which is of no use, and one that was never finished, are gone after a start.
func TestWhatAnOlderVersionLeft(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, WAL, Keep{Entries: 1e9, Bytes: 1e9})
	grow(t, s, 1, 100)
	snapshot(t, s, 50, 1)
	snapshot(t, s, 90, 1)
	if err := s.Log.(*keptLog).LogStore.DeleteRange(1, 80); err != nil {
		t.Fatal(err)
	}
	sink, err := s.Snapshots.Create(1, 95, 1, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	killed := open(t, copied(t, dir), WAL, Keep{})
	if list, err := killed.Snapshots.List(); err != nil || len(list) != 1 || list[0].Index != 90 {
		t.Errorf("snapshots %v, error %v, want the one at 90", list, err)
	}
	left, _ := filepath.Glob(filepath.Join(killed.Log.(*keptLog).dir, "*"))
	if len(left) != 1 {
		t.Errorf("%v are left, want one snapshot", left)
	}
	if _, err := os.Stat(filepath.Join(dir, subdir, snapshotsDir, sink.ID()+unfinished)); err != nil {
		t.Errorf("a snapshot that is being written does not lie where it is looked for: %v", err)
	}
}
