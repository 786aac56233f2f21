package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
}

// DeleteRange deletes entries: the end of the log, all of it, or, where some follow them, old ones that a snapshot has made dispensable. Of these it keeps
// some.
func (l *keptLog) DeleteRange(first, last uint64) error {
	end, err := l.LastIndex()
	if err != nil {
		return err
	}
	if last < end {
		if last, err = l.dispensable(last, end); err != nil || last < first {
			return err
		}
	}
	if err := l.LogStore.DeleteRange(first, last); err != nil {
		return err
	}
	return l.dropUnused()
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

// IsMonotonic is that of the store below.
func (l *keptLog) IsMonotonic() bool { return isMonotonic(l.LogStore) }

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
