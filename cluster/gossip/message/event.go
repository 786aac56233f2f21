package message

import (
	"encoding/binary"
	"errors"
)

// MaxPayload is the most bytes that a user event carries: with everything around it, it fits into one packet.
const MaxPayload = 1024

// UserEvent is an opaque payload that somebody sent to all members.
type UserEvent struct {
	Time    Time
	Origin  string // the sender's name
	Payload []byte
}

// Encode is the user event as a message.
func (e UserEvent) Encode() []byte { return e.appendTo([]byte{eventMessage}) }

func (e UserEvent) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.Time))
	return appendBytes(appendBytes(b, e.Origin), e.Payload)
}

// decodeEvent reads a user event behind its first byte. It copies the payload.
func decodeEvent(b []byte) (UserEvent, error) {
	r := reader{buf: b}
	e := UserEvent{Time: Time(r.uvarint()), Origin: r.string(MaxName), Payload: append([]byte{}, r.bytes(MaxPayload)...)}
	switch {
	case r.err != nil:
		return UserEvent{}, r.err
	case e.Time == 0:
		return UserEvent{}, errors.New("it bears no time")
	}
	return e, nil
}
