package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	hclog "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// openLog opens the stores of a member under dir, with small segments.
func openLog(t *testing.T, backend, dir string) *Storage {
	t.Helper()
	s, err := Open(Config{ID: "a", DataDir: dir, Backend: backend, SegmentSize: MinSegment}, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func copied(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func entries(term, first, last uint64) (logs []*raft.Log) {
	for i := first; i <= last; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: term, Data: fmt.Appendf(make([]byte, 100), "%d/%d", term, i)})
	}
	return logs
}

// hasEntries checks that a log has the entries that it should have, and no others.
func hasEntries(t *testing.T, log raft.LogStore, want []*raft.Log) {
	t.Helper()
	first, err := log.FirstIndex()
	last, err2 := log.LastIndex()
	if err != nil || err2 != nil || first != want[0].Index || last != want[len(want)-1].Index {
		t.Fatalf("the log has %d to %d (%v, %v), want %d to %d", first, last, err, err2, want[0].Index, want[len(want)-1].Index)
	}
	for _, w := range want {
		var l raft.Log
		if err := log.GetLog(w.Index, &l); err != nil || l.Term != w.Term || string(l.Data) != string(w.Data) {
			t.Fatalf("entry %d is of term %d (%v), want %d", w.Index, l.Term, err, w.Term)
		}
	}
	if err := log.GetLog(last+1, new(raft.Log)); err == nil {
		t.Errorf("there is an entry %d behind the end", last+1)
	}
}

// TestLogAfterEachFate lets happen to a log what raft does to it, and reads it as it is, as a process that was killed then would find it, and
// after an orderly end.
func TestLogAfterEachFate(t *testing.T) {
	const many = 1000 // some segments
	for _, c := range []struct {
		name string
		do   func(log raft.LogStore) error
		want []*raft.Log
	}{
		{"it grows", func(raft.LogStore) error { return nil }, entries(1, 1, many)},
		{"the end is replaced", func(log raft.LogStore) error {
			if err := log.DeleteRange(many-5, many); err != nil {
				return err
			}
			return log.StoreLogs(entries(2, many-5, many+3))
		}, append(entries(1, 1, many-6), entries(2, many-5, many+3)...)},
		{"the end is cleared", func(log raft.LogStore) error { return log.DeleteRange(many-5, many) }, entries(1, 1, many-6)},
		{"some segments of the end are replaced", func(log raft.LogStore) error {
			if err := log.DeleteRange(300, many); err != nil {
				return err
			}
			return log.StoreLogs(entries(2, 300, 300))
		}, append(entries(1, 1, 299), entries(2, 300, 300)...)},
		{"the beginning is compacted", func(log raft.LogStore) error { return log.DeleteRange(1, 700) }, entries(1, 701, many)},
		{"both", func(log raft.LogStore) error {
			if err := log.DeleteRange(1, 700); err != nil {
				return err
			}
			if err := log.DeleteRange(900, many); err != nil {
				return err
			}
			return log.StoreLogs(entries(2, 900, 901))
		}, append(entries(1, 701, 899), entries(2, 900, 901)...)},
		{"a snapshot takes the place of all", func(log raft.LogStore) error {
			if err := log.DeleteRange(1, many); err != nil {
				return err
			}
			return log.StoreLogs(entries(3, 5000, 5001))
		}, entries(3, 5000, 5001)},
	} {
		for _, backend := range []string{WAL, Bolt} {
			t.Run(backend+": "+c.name, func(t *testing.T) {
				dir := t.TempDir()
				s := openLog(t, backend, dir)
				for i := uint64(1); i <= many; i += 50 {
					if err := s.Log.StoreLogs(entries(1, i, i+49)); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.do(s.Log); err != nil {
					t.Fatal(err)
				}
				hasEntries(t, s.Log, c.want)
				killed := openLog(t, backend, copied(t, dir))
				hasEntries(t, killed.Log, c.want)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				again := openLog(t, backend, dir)
				hasEntries(t, again.Log, c.want)
				last := c.want[len(c.want)-1]
				if err := again.Log.StoreLogs(entries(4, last.Index+1, last.Index+2)); err != nil {
					t.Errorf("it does not go on: %v", err)
				}
			})
		}
	}
}
