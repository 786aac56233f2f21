package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

const (
	snapshotsDir = "snapshots" // under subdir
	unfinished   = ".tmp"      // ends the name of a snapshot that is being written

	entryOverhead = 48 // about what an entry takes on the disk beside its data
)

// SizeOf is about what an entry takes on the disk.
func SizeOf(l *raft.Log) uint64 { return entryOverhead + uint64(len(l.Data)) }

// Keep says what of the log stays behind a snapshot, which has made all of it dispensable here. It serves the followers that lag: one that lacks
// an entry that is gone is sent the whole snapshot. Both bounds count from the end of the log.
type Keep struct {
	Entries uint64 // at most so many
	Bytes   uint64 // that take at most so many, by SizeOf
	// Lagging is the index of the newest entry that the slowest follower has of those that are to be waited for, 0 where there is none; it may be nil. What
	// that one lacks is kept as well, up to the size of the snapshot or Spared bytes, whichever is more: beyond, the snapshot is the shorter way.
	Lagging func() (has uint64)
	Spared  uint64
}

// keptLog is a log of which a compaction leaves what is to be kept.
type keptLog struct {
	raft.LogStore
	keep      Keep
	snapshots raft.SnapshotStore
	dir       string // of the snapshots
	gone      atomic.Pointer[gone]
}

// gone is the end of a log that a snapshot from the leader has taken the place of, for it was another leader's. Raft still takes it to be there, until it is
// started again: it would refuse what goes on from the snapshot, because it finds no entry there, and be sent the snapshot again and again.
type gone struct {
	snapshot raft.SnapshotMeta
	last     uint64
}

// noEntry is the type of what stands for an entry that is gone. Raft stops where it is to apply one.
const noEntry raft.LogType = 255

// entry is what raft is to find: at the snapshot an entry of its term, so that what follows goes on from there, and behind it entries of no term, which it
// has to replace.
func (g *gone) entry(index uint64) (raft.Log, bool) {
	switch {
	case g == nil || index < g.snapshot.Index || index > g.last:
		return raft.Log{}, false
	case index == g.snapshot.Index:
		return raft.Log{Index: index, Term: g.snapshot.Term, Type: noEntry}, true
	}
	return raft.Log{Index: index, Type: noEntry}, true
}

// GetLog reads an entry.
func (l *keptLog) GetLog(index uint64, entry *raft.Log) error {
	err := l.LogStore.GetLog(index, entry)
	if errors.Is(err, raft.ErrLogNotFound) {
		if e, ok := l.gone.Load().entry(index); ok {
			*entry = e
			return nil
		}
	}
	return err
}

// StoreLog stores an entry.
func (l *keptLog) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores entries. They are the end of the log then.
func (l *keptLog) StoreLogs(entries []*raft.Log) error {
	if err := l.LogStore.StoreLogs(entries); err != nil {
		return err
	}
	l.gone.Store(nil)
	return nil
}

// DeleteRange deletes entries: the end of the log, all of it, or, where some follow them, old ones that a snapshot has made dispensable. Of these it keeps
// some.
func (l *keptLog) DeleteRange(first, last uint64) error {
	if g := l.gone.Load(); g != nil && first > g.snapshot.Index {
		return nil // raft replaces entries that are there no more
	}
	end, err := l.LastIndex()
	if err != nil {
		return err
	}
	if last >= end {
		if err := l.replaced(first, end); err != nil {
			return err
		}
	} else {
		if last, err = l.dispensable(last, end); err != nil || last < first {
			return err
		}
	}
	if err := l.LogStore.DeleteRange(first, last); err != nil {
		return err
	}
	return l.dropUnused()
}

// replaced notes that all of a log goes which is longer than the newest snapshot: that came from the leader, and raft does not forget the log's end.
func (l *keptLog) replaced(first, end uint64) error {
	snapshots, err := l.snapshots.List()
	if err == nil && len(snapshots) > 0 && first <= snapshots[0].Index && snapshots[0].Index < end {
		l.gone.Store(&gone{*snapshots[0], end})
	}
	return err
}

// dispensable is the index of the newest entry, last at most, that need not be kept. end is that of the last entry of the log.
func (l *keptLog) dispensable(last, end uint64) (uint64, error) {
	snapshots, err := l.snapshots.List()
	if err != nil {
		return 0, err
	}
	lagging, spared := end, l.keep.Spared
	if l.keep.Lagging != nil {
		if has := l.keep.Lagging(); has > 0 {
			lagging = has
		}
	}
	if len(snapshots) > 0 && snapshots[0].Index > end { // one from the leader: what comes next does not go on from this log
		return end, nil
	}
	if len(snapshots) > 0 {
		spared = max(spared, uint64(snapshots[0].Size))
	}
	var entry raft.Log
	for index, entries, size := end, uint64(0), uint64(0); ; index-- {
		err := l.GetLog(index, &entry)
		if errors.Is(err, raft.ErrLogNotFound) { // the beginning, or a gap that a snapshot from the leader has left
			return min(index, last), nil
		}
		if err != nil {
			return 0, fmt.Errorf("read entry %d of the log: %w", index, err)
		}
		entries, size = entries+1, size+SizeOf(&entry)
		trails := entries <= l.keep.Entries && size <= l.keep.Bytes
		if lacked := index > lagging && size <= spared; !trails && !lacked {
			return min(index, last), nil
		}
	}
}

// dropOvertaken removes a log that ends before the newest snapshot. That came from the leader, and the process ended before the log went: nothing can
// be appended to it, for the entries between are missing.
func (l *keptLog) dropOvertaken() error {
	snapshots, err := l.snapshots.List()
	if err != nil || len(snapshots) == 0 {
		return err
	}
	end, err := l.LastIndex()
	if err != nil || end == 0 || end >= snapshots[0].Index {
		return err
	}
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	return l.LogStore.DeleteRange(first, end)
}

// dropUnused removes the older snapshots from which the log does not go on. To restore such a one would be to forget entries that this member has
// acknowledged.
func (l *keptLog) dropUnused() error {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	snapshots, err := l.snapshots.List()
	if err != nil {
		return err
	}
	for i, s := range snapshots {
		if i == 0 || first > 0 && first <= s.Index+1 {
			continue
		}
		if err := os.RemoveAll(filepath.Join(l.dir, s.ID)); err != nil {
			return fmt.Errorf("remove a snapshot that is of no use any more: %w", err)
		}
	}
	return nil
}

// IsMonotonic has raft remove all of the log where a snapshot from the leader takes its place, whichever store is below.
func (l *keptLog) IsMonotonic() bool { return true }

func isMonotonic(log raft.LogStore) bool {
	m, ok := log.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// removeUnfinished removes the snapshots that a process which was killed left half-written.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), unfinished) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
