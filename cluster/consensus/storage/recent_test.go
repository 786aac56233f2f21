package storage

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// forgetful is a log that has stored everything and finds nothing.
type forgetful struct{ *raft.InmemStore }

func (forgetful) GetLog(uint64, *raft.Log) error { return raft.ErrLogNotFound }

// inMemory are the first and the last entry that l finds in memory, and how many there are.
func inMemory(t *testing.T, l *recentLog, end uint64) (first, last uint64, n int) {
	t.Helper()
	for index := uint64(1); index <= end; index++ {
		var e raft.Log
		err := l.GetLog(index, &e)
		switch {
		case errors.Is(err, raft.ErrLogNotFound):
			continue
		case err != nil || e.Index != index:
			t.Fatalf("entry %d, error %v, where entry %d was asked for", e.Index, err, index)
		}
		if n++; first == 0 {
			first = index
		}
		last = index
	}
	return first, last, n
}

func TestRecentEntriesAreInMemory(t *testing.T) {
	const large = 100 << 10
	for _, c := range []struct {
		name        string
		do          func(l *recentLog) error
		first, last uint64
	}{
		{"as many as there are", func(l *recentLog) error { return l.StoreLogs(sized(1, 50, 10)) }, 1, 50},
		{"the newest", func(l *recentLog) error {
			return errors.Join(l.StoreLogs(sized(1, 100, 10)), l.StoreLogs(sized(101, 300, 10)))
		}, 300 - recentEntries + 1, 300},
		{"fewer of large ones", func(l *recentLog) error { return l.StoreLogs(sized(1, 50, large)) }, 50 - recentBytes/large + 1, 50},
		{"none that is too large", func(l *recentLog) error { return l.StoreLogs(sized(1, 1, recentBytes)) }, 0, 0},
		{"not what a leader has replaced", func(l *recentLog) error {
			return errors.Join(l.StoreLogs(sized(1, 50, 10)), l.DeleteRange(40, 50), l.StoreLogs(sized(40, 42, 10)))
		}, 40, 42},
		{"not what was before a gap", func(l *recentLog) error {
			return errors.Join(l.StoreLogs(sized(1, 50, 10)), l.StoreLogs(sized(100, 101, 10)))
		}, 100, 101},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &recentLog{LogStore: forgetful{raft.NewInmemStore()}}
			if err := c.do(l); err != nil {
				t.Fatal(err)
			}
			first, last, n := inMemory(t, l, 500)
			if first != c.first || last != c.last || first > 0 && uint64(n) != last-first+1 {
				t.Errorf("%d entries from %d to %d, want those from %d to %d", n, first, last, c.first, c.last)
			}
		})
	}
}

// sized are entries of size bytes.
func sized(first, last uint64, size int) (logs []*raft.Log) {
	for i := first; i <= last; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Data: make([]byte, size)})
	}
	return logs
}
