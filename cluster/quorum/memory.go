package quorum

import "time"

// Standing is a voter's place in Raft at one moment.
type Standing struct {
	Leader  string        // whom it follows; a leader follows itself
	Term    uint64        // its own, whether it follows anyone or not
	Contact time.Duration // since it last heard from a leader
	OK      bool          // it follows Leader, in Term
	Peers   uint64        // the index of the newest peer set that it knows; only for Lease and Older
}

// Memory is what a voter remembers of the words it gave, and the whole of its part in the protocol. It is pure: its times are readings of
// one clock, which its owner passes. A Memory is lost with its process.
type Memory struct {
	span    time.Duration // as this member has it; a leader may ask for more
	start   time.Duration // of the process: what it did before is forgotten
	earlier time.Duration // the longest span that a process before may have given its word for
	peers   uint64
	changed time.Duration // when peers was first seen
	minTerm uint64        // no leader of a lower term gets this voter's word
	term    uint64        // of the newest word in lease grade
	end     time.Duration // when the last lease that rests on a word given in term can have ended
	older   time.Duration // the same for all terms before
	held    time.Duration // when a lease that goes on without a leader, by this voter's promise, can have ended
}

// NewMemory makes the memory of a process that started at now and has not said a word yet.
func NewMemory(now, span time.Duration) Memory {
	return Memory{span: span, start: now, changed: now}
}

// After makes the memory that of a process which follows others: they may have given their word for leases of up to span.
func (m Memory) After(span time.Duration) Memory {
	m.earlier = span
	return m
}

// Answer answers a question at now.
func (m *Memory) Answer(now time.Duration, at Standing, q Question) Answer {
	a := Answer{Nonce: q.Nonce, Term: at.Term}
	if q.Kind == Hold {
		a.Yes = m.promise(now, at, q)
		return a
	}
	switch {
	case at.Term != q.Term || q.Term < m.minTerm:
		return a // not in this term, or it has been in a later one
	case q.Kind == Older:
		m.notePeers(now, at.Peers)
		m.minTerm = q.Term
		a.Yes, a.Left = true, m.left(now, q)
	case at.OK && at.Leader == q.Leader:
		m.minTerm = q.Term
		a.Yes, a.Contact = true, at.Contact
		if q.Grade == Lease {
			m.notePeers(now, at.Peers)
			m.remember(now, q)
		}
	}
	return a
}

// promise lets a holder go on without a leader, unless this voter knows of one, or of another peer set than the one who asks. It counts like a
// word to an older leader, whatever the term: who leads from now on waits until it is over.
func (m *Memory) promise(now time.Duration, at Standing, q Question) bool {
	m.notePeers(now, at.Peers)
	if at.OK || at.Peers != q.Peers {
		return false
	}
	m.held = max(m.held, now+max(m.span, q.Span))
	return true
}

// remember notes a word in lease grade.
func (m *Memory) remember(now time.Duration, q Question) {
	if q.Term > m.term {
		m.older, m.term, m.end = max(m.older, m.end), q.Term, 0
	}
	m.end = max(m.end, now+max(m.span, q.Span))
}

// left is how long a lease can still live that rests on a word given to a leader of a term before q's. The process cannot know what it
// said before it started, nor whom it was asked for under an earlier peer set: both count as a word given in that moment.
func (m *Memory) left(now time.Duration, q Question) time.Duration {
	longest := max(m.span, q.Span)
	end := max(m.older, m.held, m.start+max(longest, m.earlier), m.changed+longest)
	if m.term < q.Term {
		end = max(end, m.end)
	}
	return max(0, end-now)
}

// notePeers notes when a new peer set is first seen.
func (m *Memory) notePeers(now time.Duration, peers uint64) {
	if peers != m.peers {
		m.peers, m.changed = peers, now
	}
}
