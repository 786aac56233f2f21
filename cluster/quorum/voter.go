package quorum

import (
	"sync"
	"time"
)

// Raft is what a voter must know of its own part in Raft.
type Raft interface {
	// Following says whom this member follows now, in which term, and how long ago it heard from there. A leader follows itself.
	Following() (leaderID string, term uint64, lastContact time.Duration, ok bool)
	// PeersIndex is the index of the newest peer set that this member knows.
	PeersIndex() uint64
}

// Voter answers the questions of leaders.
type Voter struct {
	raft  Raft
	quiet time.Duration // for so long after the start, nothing is confirmed in lease grade
	clock func() time.Time

	mu      sync.Mutex // guards following
	started time.Time
	term    uint64    // of the newest lease confirmation
	at      time.Time // when it was given; zero for never
	older   time.Time // when a leader of a term before that was last confirmed
	minTerm uint64    // no leader of a lower term is confirmed
	peers   uint64    // the newest peer set seen
	changed time.Time // when it was first seen
}

// NewVoter makes the voter of this process. leaseEnd is TTL and margin: the longest that a lease can live after its confirmation.
func NewVoter(raft Raft, leaseEnd time.Duration) *Voter { return newVoter(raft, leaseEnd, time.Now) }

func newVoter(raft Raft, leaseEnd time.Duration, clock func() time.Time) *Voter {
	now := clock()
	return &Voter{raft: raft, quiet: leaseEnd, clock: clock, started: now, changed: now}
}

// Answer answers one encoded question. An error means that the question cannot be read.
func (v *Voter) Answer(req []byte) ([]byte, error) {
	q, err := decodeQuestion(req)
	if err != nil {
		return nil, err
	}
	return v.reply(q).encode(), nil
}

func (v *Voter) reply(q question) answer {
	if q.kind == kindOlder {
		return v.lastOlder(q.term)
	}
	return v.confirm(q)
}

// confirm says whether this member follows the leader that asks, in exactly its term.
func (v *Voter) confirm(q question) answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock()
	leader, term, contact, ok := v.raft.Following()
	if !ok || leader != q.leader || term != q.term {
		return answer{}
	}
	if q.grade == gradeRead {
		return answer{ok: true, age: contact}
	}
	v.notePeersLocked(now)
	if term < v.minTerm || now.Sub(v.started) < v.quiet {
		return answer{}
	}
	if term > v.term {
		v.older, v.term = v.at, term
	}
	v.at = now
	return answer{ok: true, age: contact}
}

// lastOlder says how long ago this member may last have confirmed a leader of a term before term, and binds it to confirm none of them
// from now on.
func (v *Voter) lastOlder(term uint64) answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock()
	v.notePeersLocked(now)
	v.minTerm = max(v.minTerm, term)
	last := v.at
	if v.term >= term {
		last = v.older
	}
	for _, t := range []time.Time{v.started, v.changed} {
		if t.After(last) {
			last = t
		}
	}
	return answer{ok: true, age: now.Sub(last)}
}

// notePeersLocked notes when a new peer set is first seen.
func (v *Voter) notePeersLocked(now time.Time) {
	if n := v.raft.PeersIndex(); n != v.peers {
		v.peers, v.changed = n, now
	}
}
