package quorum

import (
	"encoding/binary"
	"time"

	"holdfast/cluster"
)

// Kind is what a question asks.
type Kind byte

// The kinds of questions. Their numbers travel and must not change.
const (
	Confirm Kind = 1 // do you follow me, in this term, at this moment?
	Older   Kind = 2 // how long can a lease live that rests on your word to an older leader? Give them none any more.
	Hold    Kind = 3 // do you follow nobody, under this peer set? Then I go on holding what I hold, for as long as Span says.
)

// Grade is what a confirmation is good for.
type Grade byte

// The grades. Their numbers travel and must not change.
const (
	Read  Grade = 1 // a read
	Lease Grade = 2 // a lease: the voter remembers it
)

// Question is what a leader asks a voter.
type Question struct {
	Kind   Kind
	Grade  Grade         // of a confirmation; Read otherwise
	Nonce  uint64        // the answer repeats it
	Term   uint64        // of the leader that asks
	Span   time.Duration // the longest that a lease can live after a word that it rests on: TTL and margin
	Leader string        // the ID of the one who asks
	Peers  uint64        // the index of the newest peer set that the one who asks knows; only for Hold
}

// Answer is what the voter says.
type Answer struct {
	Yes     bool
	Nonce   uint64
	Term    uint64        // the voter's own
	Contact time.Duration // the time since the voter last heard from a leader; in a confirmation
	// Heartbeat is for how long after it last heard from a leader the voter refuses its vote to others. Voters of older versions leave it out: 0.
	Heartbeat time.Duration
	Left      time.Duration // how long a lease of an older leader can still live, as far as this voter knows; for Older
	// Voter is the ID of the one who answers. Voters of older versions leave it out: "".
	Voter string
}

// On the wire numbers are big endian, durations in nanoseconds. Bytes after those that are known belong to a newer version and are skipped.
//
//	question: kind 1, grade 1, nonce 8, term 8, span 8, length of the leader's ID 1, the ID; of Hold: peers 8
//	answer:   yes 1, nonce 8, term 8, contact 8, left 8, heartbeat 8, length of the voter's ID 1, the ID (older versions: neither of the last)
const (
	questionSize = 27 // without the ID
	answerSize   = 33 // without the heartbeat
	maxID        = 255
)

// Encode makes the message of a question. The leader's ID is cut at 255 bytes; no member has a longer one.
func (q Question) Encode() []byte {
	id := q.Leader[:min(len(q.Leader), maxID)]
	b := make([]byte, 0, questionSize+len(id))
	b = append(b, byte(q.Kind), byte(q.Grade))
	b = binary.BigEndian.AppendUint64(b, q.Nonce)
	b = binary.BigEndian.AppendUint64(b, q.Term)
	b = appendDuration(b, q.Span)
	b = append(append(b, byte(len(id))), id...)
	if q.Kind == Hold {
		b = binary.BigEndian.AppendUint64(b, q.Peers)
	}
	return b
}

// DecodeQuestion reads a question from the network.
func DecodeQuestion(b []byte) (Question, error) {
	bad := func(what string) (Question, error) {
		return Question{}, cluster.Errorf(cluster.Invalid, "a quorum question of %d bytes cannot be read: %s", len(b), what)
	}
	if len(b) < questionSize || len(b) < questionSize+int(b[questionSize-1]) {
		return bad("it is too short")
	}
	q := Question{Kind: Kind(b[0]), Grade: Grade(b[1]), Nonce: binary.BigEndian.Uint64(b[2:]), Term: binary.BigEndian.Uint64(b[10:])}
	if q.Kind != Confirm && q.Kind != Older && q.Kind != Hold || q.Grade != Read && q.Grade != Lease {
		return bad("its kind or grade is not known; is the other member of a newer version?")
	}
	var ok bool
	if q.Span, ok = duration(b[18:]); !ok {
		return bad("its span is negative")
	}
	rest := b[questionSize:]
	q.Leader, rest = string(rest[:b[questionSize-1]]), rest[b[questionSize-1]:]
	if q.Kind == Hold {
		if len(rest) < 8 {
			return bad("it names no peer set")
		}
		q.Peers = binary.BigEndian.Uint64(rest)
	}
	return q, nil
}

// Encode makes the message of an answer.
func (a Answer) Encode() []byte {
	b := make([]byte, 1, answerSize+8)
	if a.Yes {
		b[0] = 1
	}
	b = binary.BigEndian.AppendUint64(b, a.Nonce)
	b = binary.BigEndian.AppendUint64(b, a.Term)
	b = appendDuration(appendDuration(b, a.Contact), a.Left)
	if a.Heartbeat > 0 || a.Voter != "" {
		b = appendDuration(b, a.Heartbeat)
	}
	if id := a.Voter[:min(len(a.Voter), maxID)]; id != "" {
		b = append(append(b, byte(len(id))), id...)
	}
	return b
}

// DecodeAnswer reads an answer from the network.
func DecodeAnswer(b []byte) (Answer, error) {
	if len(b) < answerSize || b[0] > 1 {
		return Answer{}, cluster.Errorf(cluster.Internal, "a voter's answer of %d bytes cannot be read", len(b))
	}
	a := Answer{Yes: b[0] == 1, Nonce: binary.BigEndian.Uint64(b[1:]), Term: binary.BigEndian.Uint64(b[9:])}
	var ok, ok2 bool
	a.Contact, ok = duration(b[17:])
	a.Left, ok2 = duration(b[25:])
	ok3 := true
	if rest := b[answerSize:]; len(rest) >= 8 {
		a.Heartbeat, ok3 = duration(rest)
		if rest = rest[8:]; len(rest) > 0 && len(rest) > int(rest[0]) {
			a.Voter = string(rest[1 : 1+rest[0]])
		}
	}
	if !ok || !ok2 || !ok3 {
		return Answer{}, cluster.Errorf(cluster.Internal, "a voter's answer has a negative duration")
	}
	return a, nil
}

func appendDuration(b []byte, d time.Duration) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(max(0, d))) //nolint:gosec // not negative
}

func duration(b []byte) (time.Duration, bool) {
	d := time.Duration(binary.BigEndian.Uint64(b)) //nolint:gosec // a negative result is the point of the second one
	return d, d >= 0
}
