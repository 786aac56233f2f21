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
	id        string
	raft      Raft
	heartbeat time.Duration        // Raft's heartbeat timeout here
	clock     func() time.Duration // steady
	outlived  time.Duration        // when no word of an earlier process holds any more

	mu     sync.Mutex // guards following
	memory Memory
	ledger *Ledger
}

// NewVoter makes the voter that the member id is in this process, which is taken to start now, and promises no less than the ledger says.
func NewVoter(id string, raft Raft, ledger *Ledger) *Voter { return newVoter(id, raft, ledger, steady) }

func newVoter(id string, raft Raft, l *Ledger, clock func() time.Duration) *Voter {
	now, earlier := clock(), l.Earlier()
	return &Voter{
		id: id, raft: raft, heartbeat: l.own.Heartbeat, clock: clock, outlived: now + max(earlier.Span, earlier.Heartbeat), memory: NewMemory(now, l.own.Span).After(earlier.Span), ledger: l,
	}
}

// Settle takes what earlier processes promised, where it was more than this one does, out of the ledger once it is over. Until then it says how long that
// is to be.
func (v *Voter) Settle() (left time.Duration, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if left := v.outlived - v.clock(); left > 0 && v.ledger.earlier != v.ledger.own {
		return left, nil
	}
	return 0, v.ledger.outlived()
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
	if promises := q.Kind == Hold || q.Kind == Confirm && q.Grade == Lease; promises && v.ledger.raise(q.Span) != nil {
		return Answer{Nonce: q.Nonce, Voter: v.id} // what is not in the ledger must not be promised; the disk that fails is told of by those who need it to go on
	}
	now := v.clock()
	a := v.memory.Answer(now, v.standing(q), q)
	a.Heartbeat, a.Voter = v.heartbeat, v.id
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
