// Package backlog decides when a member's snapshot is due: when a restart would have to apply too much of the log again.
//
// Raft counts entries alone. But a thousand entries may take 100 kB or 500 MB: on the disk, in time at the next start, and on the way to a member that
// needs them. So a [Backlog] counts what they take, too. A snapshot is due at once when that passes a bound, which grows with the size of the last snapshot: a large
// state is not written anew for every few megabytes of log. By entries it is looked at now and then, as raft does.
//
// All members apply the same entries. So that they do not all write a snapshot at the same moment, each passes its bound by a part of it that chance gives.
package backlog

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	share  = 2  // a snapshot is due when the log takes a part of its size: half
	least  = 16 // by entries, the log has to take a part of its size all the same: the 16th
	spread = 4  // by how large a part the bound is passed at most: the fourth
)

// Config says how much of the log makes a snapshot due.
type Config struct {
	Entries  uint64        // entries after the last snapshot
	Interval time.Duration // how often they are looked at; a snapshot that failed is tried again after it
	Bytes    uint64        // what the entries after the last snapshot take, at least
}

// Backlog is what a restart would have to do.
type Backlog struct {
	mu    sync.Mutex // guards following
	cfg   Config
	since Mark          // what was applied after the last snapshot
	size  uint64        // of the last snapshot, in bytes
	bound uint64        // bytes applied after it that make the next one due
	due   chan struct{} // holds a value when one may be due by them
}

// Mark is a place in the log: what was applied after the last snapshot until there.
type Mark struct{ entries, bytes uint64 }

// New makes a Backlog.
func New(cfg Config) *Backlog {
	b := &Backlog{cfg: cfg, due: make(chan struct{}, 1)}
	b.setBound()
	return b
}

// setBound sets the bound for a snapshot after one of this size.
func (b *Backlog) setBound() {
	b.bound = max(b.cfg.Bytes, b.size/share)
	b.bound += rand.Uint64N(b.bound/spread + 1)
}

// Applied notes that entries which take so many bytes were applied.
func (b *Backlog) Applied(entries, bytes uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since.entries += entries
	b.since.bytes += bytes
	if b.since.bytes >= b.bound {
		select {
		case b.due <- struct{}{}:
		default:
		}
	}
}

// Began is the place up to which a snapshot goes that is taken now. Written wants it when the snapshot is there.
func (b *Backlog) Began() Mark {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since
}

// Written notes that the snapshot which goes up to m is on the disk, in size bytes.
func (b *Backlog) Written(m Mark, size uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since.entries -= min(m.entries, b.since.entries)
	b.since.bytes -= min(m.bytes, b.since.bytes)
	b.size = size
	b.setBound()
}

// Restored notes that a snapshot of size bytes took the place of all that was applied.
func (b *Backlog) Restored(size uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since, b.size = Mark{}, size
	b.setBound()
}

// isDue reports whether a snapshot is due, by what the entries take or, where they are looked at, by their number.
func (b *Backlog) isDue(byEntries bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since.bytes >= b.bound || byEntries && b.since.entries >= b.cfg.Entries && b.since.bytes >= b.size/least
}

// Run calls take whenever a snapshot is due, until stopped is closed. After an error it waits for Config.Interval: a full disk is not tried with every entry.
func (b *Backlog) Run(stopped <-chan struct{}, take func() error) {
	tick := time.NewTicker(b.cfg.Interval)
	defer tick.Stop()
	due := b.due
	for {
		byEntries := false
		select {
		case <-due:
		case <-tick.C:
			due, byEntries = b.due, true
		case <-stopped:
			return
		}
		if b.isDue(byEntries) && take() != nil { // raft has logged why
			due = nil
		}
	}
}
