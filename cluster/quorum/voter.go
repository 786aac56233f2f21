package quorum

import (
	"sync"
	"time"
)

// Raft is what a voter must know of its own part in Raft.
type Raft interface {
	// Following says whom this member follows now, in which term, and how long ago it heard from there. A leader follows itself. The
	// term is this member's own, and is given without ok as well.
	Following() (leaderID string, term uint64, lastContact time.Duration, ok bool)
	// PeersIndex is the index of the newest peer set that this member knows.
	PeersIndex() uint64
	// Ordered is the newest term in which this member, leading, has told another to stand for election at once, 0 for none. It is noted before
	// the other is told.
	Ordered() uint64
}

// Voter answers the questions of leaders: a Memory with its clock, its place in Raft and a lock.
type Voter struct {
	raft      Raft
	heartbeat time.Duration        // Raft's heartbeat timeout here
	clock     func() time.Duration // steady

	mu     sync.Mutex // guards following
	memory Memory
}

// NewVoter makes the voter of this process, which is taken to start now. heartbeat is Raft's heartbeat timeout here, leaseEnd is TTL and margin:
// the longest that a lease can live after the word that it rests on.
func NewVoter(raft Raft, heartbeat, leaseEnd time.Duration) *Voter {
	return newVoter(raft, heartbeat, leaseEnd, steady)
}

func newVoter(raft Raft, heartbeat, leaseEnd time.Duration, clock func() time.Duration) *Voter {
	return &Voter{raft: raft, heartbeat: heartbeat, clock: clock, memory: NewMemory(clock(), leaseEnd)}
}

// Answer answers one encoded question. An error means that the question cannot be read.
func (v *Voter) Answer(req []byte) ([]byte, error) {
	q, err := DecodeQuestion(req)
	if err != nil {
		return nil, err
	}
	return v.reply(q).Encode(), nil
}

// reply answers in one piece: an Older that comes meanwhile waits, and sees the word that is given here.
func (v *Voter) reply(q Question) Answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock()
	a := v.memory.Answer(now, v.standing(q), q)
	a.Heartbeat = v.heartbeat
	return a
}

func (v *Voter) standing(q Question) Standing {
	var s Standing
	s.Leader, s.Term, s.Contact, s.OK = v.raft.Following()
	if q.Kind != Confirm || q.Grade == Lease {
		s.Peers = v.raft.PeersIndex()
	}
	return s
}
