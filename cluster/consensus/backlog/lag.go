package backlog

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// awaited is how long the log is kept for a member that does not answer any more: it may be restarting.
const awaited = time.Minute

// Lag is what a leader knows of how much of the log the others have. A snapshot must not take from the log what one of them is about to be sent, or that one
// is sent the snapshot; if writes go on meanwhile, it lags behind the next one as well, and so on.
type Lag struct {
	mu sync.Mutex // guards following
	at map[raft.ServerID]position
}

// position is how far a member was, and when.
type position struct {
	has     uint64 // the newest entry that it has
	when    time.Time
	sending int // snapshots that are on their way to it
}

// Has notes that a member has the log up to an entry.
func (l *Lag) Has(id raft.ServerID, index uint64) { l.note(id, index, 0) }

// Sending notes that a snapshot up to an entry is on its way to a member, until done is called.
func (l *Lag) Sending(id raft.ServerID, index uint64) (done func()) {
	l.note(id, index, +1)
	return func() { l.note(id, index, -1) }
}

func (l *Lag) note(id raft.ServerID, index uint64, sending int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = map[raft.ServerID]position{}
	}
	l.at[id] = position{index, time.Now(), l.at[id].sending + sending}
}

// Slowest is the newest entry that the slowest of these members has whom the log is kept for, 0 if it is kept for none.
func (l *Lag) Slowest(members []raft.Server) (has uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range members {
		p, known := l.at[s.ID]
		if known && (p.sending > 0 || time.Since(p.when) < awaited) && (has == 0 || p.has < has) {
			has = p.has
		}
	}
	return has
}
