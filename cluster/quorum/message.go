package quorum

import (
	"encoding/binary"
	"time"

	"holdfast/cluster"
)

// A question is a kind byte and its fields, numbers in 8 bytes, big endian. Durations are in nanoseconds.
//
//	confirm: kind, grade, term, leader ID (the rest)   answer: 1 or 0, age of the last contact
//	older:   kind, term                                answer: age of the last possible confirmation
const (
	kindConfirm = 1
	kindOlder   = 2
)

// grade is what a confirmation is good for.
type grade byte

const (
	gradeRead  grade = 1
	gradeLease grade = 2
)

type question struct {
	kind   byte
	grade  grade
	term   uint64
	leader string
}

type answer struct {
	ok  bool
	age time.Duration
}

func (q question) encode() []byte {
	b := []byte{q.kind}
	if q.kind == kindConfirm {
		b = append(b, byte(q.grade))
	}
	return append(binary.BigEndian.AppendUint64(b, q.term), q.leader...)
}

func decodeQuestion(b []byte) (question, error) {
	bad := cluster.Errorf(cluster.Invalid, "a quorum question of %d bytes that cannot be read", len(b))
	switch {
	case len(b) >= 10 && b[0] == kindConfirm && (grade(b[1]) == gradeRead || grade(b[1]) == gradeLease):
		return question{kind: kindConfirm, grade: grade(b[1]), term: binary.BigEndian.Uint64(b[2:]), leader: string(b[10:])}, nil
	case len(b) == 9 && b[0] == kindOlder:
		return question{kind: kindOlder, term: binary.BigEndian.Uint64(b[1:])}, nil
	}
	return question{}, bad
}

func (a answer) encode() []byte {
	b := []byte{0}
	if a.ok {
		b[0] = 1
	}
	return binary.BigEndian.AppendUint64(b, uint64(max(0, a.age))) //nolint:gosec // not negative
}

func decodeAnswer(b []byte) (answer, error) {
	if len(b) != 9 || b[0] > 1 || b[1] > 0x7f {
		return answer{}, cluster.Errorf(cluster.Internal, "a voter's answer of %d bytes that cannot be read", len(b))
	}
	return answer{ok: b[0] == 1, age: time.Duration(binary.BigEndian.Uint64(b[1:]))}, nil //nolint:gosec // the top bit is clear
}
