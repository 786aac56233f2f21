package lab

import (
	"encoding/binary"
	"time"
)

// question is what a Probe sends to port 7777 of the virtual IP: 16 bytes, in network order.
//
//	0  4  "HFQ1"
//	4  2  the probe
//	6  2  track: which series of questions of the probe
//	8  4  round: its place in that series
//	12 4  zero
type question struct {
	probe, track uint16
	round        uint32
}

// answer is a question echoed with "HFA1" for its magic number, followed by who answers and when.
//
//	16 8  the moment before it was sent, CLOCK_MONOTONIC in nanoseconds
//	24 .. the machine's name, at most 63 bytes
type answer struct {
	question

	Machine string
	Sent    time.Duration
}

// clientTrack is the series of questions that go by normal routing; the others are indexes of machines.
const clientTrack = 0xffff

const (
	questionMagic = "HFQ1"
	answerMagic   = "HFA1"
	questionSize  = 16
	answerHeader  = questionSize + 8
	maxName       = 63
)

func (q question) append(b []byte, magic string) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, q.probe)
	b = binary.BigEndian.AppendUint16(b, q.track)
	b = binary.BigEndian.AppendUint32(b, q.round)
	return append(b, 0, 0, 0, 0)
}

func parseQuestion(b []byte) (question, bool) {
	return parseHead(b, questionMagic, len(b) == questionSize)
}

func parseHead(b []byte, magic string, sized bool) (question, bool) {
	if !sized || string(b[:4]) != magic {
		return question{}, false
	}
	return question{
		probe: binary.BigEndian.Uint16(b[4:]),
		track: binary.BigEndian.Uint16(b[6:]),
		round: binary.BigEndian.Uint32(b[8:]),
	}, true
}

func (a answer) append(b []byte) []byte {
	b = a.question.append(b, answerMagic)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Sent))
	return append(b, a.Machine...)
}

func parseAnswer(b []byte) (answer, bool) {
	q, ok := parseHead(b, answerMagic, len(b) > answerHeader && len(b) <= answerHeader+maxName)
	if !ok {
		return answer{}, false
	}
	return answer{
		question: q,
		Machine:  string(b[answerHeader:]),
		Sent:     time.Duration(binary.BigEndian.Uint64(b[questionSize:])),
	}, true
}
