package message

import (
	"encoding/binary"
	"fmt"
)

// Time is a time of a Lamport clock ("Time, Clocks, and the Ordering of Events in a Distributed System", 1978). Zero is before all.
type Time uint64

// IntentKind says what an intent is about.
type IntentKind byte

// The kinds of intent.
const (
	JoinIntent  IntentKind = 1 // the member is here, and means to stay
	LeaveIntent IntentKind = 2 // the member is about to leave, or is written off
	PruneIntent IntentKind = 3 // a leave after which it is forgotten at once
)

// Intent is what somebody has said about a member, at a Lamport time.
type Intent struct {
	Kind IntentKind
	Name string
	Time Time
}

// Encode is the intent as a message.
func (i Intent) Encode() []byte {
	b := binary.AppendUvarint([]byte{intentMessage, byte(i.Kind)}, uint64(i.Time))
	return appendBytes(b, i.Name)
}

// decodeIntent reads an intent behind its first byte.
func decodeIntent(b []byte) (Intent, error) {
	r := reader{buf: b}
	i := Intent{Kind: IntentKind(r.byte()), Time: Time(r.uvarint()), Name: r.string(MaxName)}
	switch {
	case r.err != nil:
		return Intent{}, r.err
	case i.Kind < JoinIntent || i.Kind > PruneIntent:
		return Intent{}, fmt.Errorf("kind %d of intent is not known here", i.Kind)
	}
	return i, CheckName(i.Name)
}
