package storage

import (
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

const (
	recentEntries = 128
	recentBytes   = 1 << 20
)

// recentLog is a log that keeps its newest entries in memory, where a leader finds what it is about to send. Raft's own cache counts entries alone, and 128 of the
// largest take 64 MB.
type recentLog struct {
	raft.LogStore

	mu     sync.Mutex  // guards following
	recent []*raft.Log // one after the other
	size   uint64      // of recent
}

// GetLog reads an entry.
func (l *recentLog) GetLog(index uint64, to *raft.Log) error {
	if e := l.find(index); e != nil {
		*to = *e
		return nil
	}
	return l.LogStore.GetLog(index, to)
}

func (l *recentLog) find(index uint64) *raft.Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := uint64(len(l.recent)); n > 0 && index >= l.recent[0].Index && index-l.recent[0].Index < n {
		return l.recent[index-l.recent[0].Index]
	}
	return nil
}

// StoreLog stores an entry.
func (l *recentLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs stores entries, and keeps them.
func (l *recentLog) StoreLogs(logs []*raft.Log) error {
	if err := l.LogStore.StoreLogs(logs); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range logs {
		if n := len(l.recent); n > 0 && l.recent[n-1].Index+1 != e.Index {
			l.forgetLocked()
		}
		l.recent, l.size = append(l.recent, e), l.size+SizeOf(e)
	}
	n := 0
	for ; len(l.recent)-n > recentEntries || l.size > recentBytes; n++ {
		l.size -= SizeOf(l.recent[n])
	}
	l.recent = slices.Delete(l.recent, 0, n)
	return nil
}

// DeleteRange deletes entries.
func (l *recentLog) DeleteRange(first, last uint64) error {
	l.mu.Lock()
	l.forgetLocked()
	l.mu.Unlock()
	return l.LogStore.DeleteRange(first, last)
}

func (l *recentLog) forgetLocked() { l.recent, l.size = nil, 0 }

// IsMonotonic is that of the store below.
func (l *recentLog) IsMonotonic() bool { return isMonotonic(l.LogStore) }
