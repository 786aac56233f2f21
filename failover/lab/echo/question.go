package echo

import (
	"encoding/binary"
	"time"
)

// Question is what a probe asks: 16 bytes, in network order.
//
//	0  4  "HFQ1"
//	4  2  Probe
//	6  2  Track
//	8  4  Round
//	12 4  zero
type Question struct {
	Probe uint16 // who asks
	Track uint16 // which of its series of questions this belongs to
	Round uint32 // and its place in that
}

// Answer is a Question echoed with "HFA1" for its magic number, followed by who answers and when.
//
//	16 8  Sent, CLOCK_MONOTONIC in nanoseconds
//	24 .. Machine, 1 to 63 bytes
type Answer struct {
	Question

	Machine string
	Sent    time.Duration // the moment before it was sent
}

const (
	questionMagic = "HFQ1"
	answerMagic   = "HFA1"
	questionSize  = 16
	answerHeader  = questionSize + 8
	maxName       = 63
)

// Append appends the question's bytes.
func (q Question) Append(b []byte) []byte { return q.append(b, questionMagic) }

func (q Question) append(b []byte, magic string) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, q.Probe)
	b = binary.BigEndian.AppendUint16(b, q.Track)
	b = binary.BigEndian.AppendUint32(b, q.Round)
	return append(b, 0, 0, 0, 0)
}

// ParseQuestion reads a datagram, and reports whether it is a question.
func ParseQuestion(b []byte) (Question, bool) {
	return parseHead(b, questionMagic, len(b) == questionSize)
}

func parseHead(b []byte, magic string, sized bool) (Question, bool) {
	if !sized || string(b[:4]) != magic {
		return Question{}, false
	}
	return Question{
		Probe: binary.BigEndian.Uint16(b[4:]),
		Track: binary.BigEndian.Uint16(b[6:]),
		Round: binary.BigEndian.Uint32(b[8:]),
	}, true
}

// Append appends the answer's bytes.
func (a Answer) Append(b []byte) []byte {
	b = a.append(b, answerMagic)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Sent))
	return append(b, a.Machine...)
}

// ParseAnswer reads a datagram, and reports whether it is an answer.
func ParseAnswer(b []byte) (Answer, bool) {
	q, ok := parseHead(b, answerMagic, len(b) > answerHeader && len(b) <= answerHeader+maxName)
	if !ok {
		return Answer{}, false
	}
	return Answer{
		Question: q,
		Machine:  string(b[answerHeader:]),
		Sent:     time.Duration(binary.BigEndian.Uint64(b[questionSize:])),
	}, true
}
