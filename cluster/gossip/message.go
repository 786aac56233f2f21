package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The kinds of message that members send by gossip: the first byte of each.
const (
	intentMessage byte = 1
	eventMessage  byte = 2

	keyRequestMessage byte = 3
	keyAnswerMessage  byte = 4
)

// maxMessage bounds what is looked at; the largest of ours is far below it, and one UDP packet carries no more.
const maxMessage = 2048

// maxName is the longest node name.
const maxName = 128

// intentKind says what an intent is about.
type intentKind byte

const (
	joinIntent  intentKind = 1 // the member is here, and means to stay
	leaveIntent intentKind = 2 // the member is about to leave, or is written off
	pruneIntent intentKind = 3 // a leave after which it is forgotten at once
)

// intent is what somebody has said about a member, at a Lamport time.
type intent struct {
	kind intentKind
	name string
	time lamport
}

func (i intent) encode() []byte {
	b := binary.AppendUvarint([]byte{intentMessage, byte(i.kind)}, uint64(i.time))
	return appendBytes(b, i.name)
}

// subject tells the intent from those about other members: in the outbox, the latest about one stands for all.
func (i intent) subject() string { return "intent/" + i.name }

// decodeIntent reads an intent behind its first byte.
func decodeIntent(b []byte) (intent, error) {
	r := reader{buf: b}
	i := intent{kind: intentKind(r.byte()), time: lamport(r.uvarint()), name: r.string(maxName)}
	switch {
	case r.err != nil:
		return intent{}, r.err
	case i.kind < joinIntent || i.kind > pruneIntent:
		return intent{}, fmt.Errorf("kind %d of intent is not known here", i.kind)
	}
	if err := checkName(i.name); err != nil {
		return intent{}, err
	}
	return i, nil
}

// userEvent is an opaque payload that somebody sent to all members.
type userEvent struct {
	time    lamport
	origin  string // the sender's name
	payload []byte
}

func (e userEvent) encode() []byte {
	return e.appendTo([]byte{eventMessage})
}

func (e userEvent) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.time))
	return appendBytes(appendBytes(b, e.origin), e.payload)
}

// decodeEvent reads a user event behind its first byte. It copies the payload.
func decodeEvent(b []byte) (userEvent, error) {
	r := reader{buf: b}
	e := userEvent{time: lamport(r.uvarint()), origin: r.string(maxName), payload: append([]byte{}, r.bytes(MaxPayload)...)}
	switch {
	case r.err != nil:
		return userEvent{}, r.err
	case e.time == 0:
		return userEvent{}, errors.New("it bears no time")
	}
	return e, nil
}
