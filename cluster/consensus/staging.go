package consensus

import (
	"bytes"
	"compress/gzip"
	"io"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/state"
)

const (
	maxStaged   = 1 << 30         // bytes of the parts of a restore, which wait in the memory of every member
	stagedUntil = 2 * time.Minute // after the last part: whoever sent it is gone, and nobody would tell
)

// staging collects the parts of a restore as the log brings them, the same on every member. The last part replaces the state.
//
// raft has a Restore of its own. It puts the snapshot into the leader's state first and under an index that nobody has agreed to: should the
// leader fail before a majority has it, the next one gives that index to another entry, and the two members' states differ
// for ever, without a sign. Parts that are log entries are certain before anything changes, and change every member at the same entry.
type staging struct {
	mu    sync.Mutex // guards following: raft applies and takes snapshots in one goroutine, tests need not
	id    string     // "" while none is under way
	parts [][]byte
	size  int
	last  time.Time // of the newest part, by the leader's clock
}

func (s *staging) underWay() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id != ""
}

func (s *staging) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked()
}

func (s *staging) forgetLocked() { s.id, s.parts, s.size = "", nil, 0 }

// forgetAt forgets the parts of a restore at an entry that shows it to be over: another member leads, so whoever sent them has no answer, and may
// begin again; or the time of the entry says that no part has come for long. The log alone decides, so every member forgets at the same entry.
func (s *staging) forgetAt(e state.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == "" {
		return
	}
	if _, ok := e.Command.(*cluster.NewTerm); ok || e.Time.Sub(s.last) > stagedUntil {
		s.forgetLocked()
	}
}

// take takes a part. An error leaves the state as it is.
func (s *staging) take(store *state.Store, e state.Entry, p *cluster.Restore) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.GiveUp:
		if p.ID == s.id {
			s.forgetLocked()
		}
		return nil
	case p.ID == "" || p.Part < 0 || len(p.Data) > cluster.MaxRestorePart:
		return cluster.Errorf(cluster.Invalid, "part %d of the restore %q cannot be: it has %d bytes", p.Part, p.ID, len(p.Data))
	case p.Part == 0 && p.ID != s.id:
		s.forgetLocked()
		s.id = p.ID
	case p.ID != s.id:
		return cluster.Errorf(cluster.Conflict, "the restore was interrupted: another one began, or another member leads; nothing was changed, so restore again")
	}
	s.last = e.Time
	switch next := len(s.parts); {
	case p.Part == next && s.size+len(p.Data) > maxStaged:
		s.forgetLocked()
		return cluster.Errorf(cluster.TooLarge, "the snapshot takes more than %d bytes", maxStaged)
	case p.Part == next:
		s.parts, s.size = append(s.parts, p.Data), s.size+len(p.Data)
	case p.Part != next-1:
		return cluster.Errorf(cluster.Conflict, "part %d of the restore came where part %d was expected; nothing was changed, so restore again", p.Part, next)
	}
	if !p.Last {
		return nil
	}
	defer s.forgetLocked()
	return s.replace(store, e)
}

// replace makes the parts the state.
func (s *staging) replace(store *state.Store, e state.Entry) error {
	var readers []io.Reader
	for _, p := range s.parts {
		readers = append(readers, bytes.NewReader(p))
	}
	unzipped, err := gzip.NewReader(io.MultiReader(readers...))
	if err != nil {
		return cluster.Errorf(cluster.Invalid, "the parts of the snapshot are no gzip: %v", err)
	}
	return codec.Supersede(unzipped, store, e)
}
