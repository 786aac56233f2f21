package message

import "fmt"

// Message is one of Intent, UserEvent, KeyRequest and KeyAnswer.
type Message interface {
	Encode() []byte
}

// The kinds of message: the first byte of each.
const (
	intentMessage     byte = 1
	eventMessage      byte = 2
	keyRequestMessage byte = 3
	keyAnswerMessage  byte = 4
)

// maxMessage bounds what is looked at; the largest of ours is far below it, and one UDP packet carries no more.
const maxMessage = 2048

// Decode reads a message of another member. What it gives shares no memory with b.
func Decode(b []byte) (Message, error) {
	switch {
	case len(b) == 0:
		return nil, errShort
	case len(b) > maxMessage:
		return nil, errTooBig
	}
	var m Message
	var err error
	var what string
	switch kind, fields := b[0], b[1:]; kind {
	case intentMessage:
		what = "an intent"
		m, err = decodeIntent(fields)
	case eventMessage:
		what = "a user event"
		m, err = decodeEvent(fields)
	case keyRequestMessage:
		what = "a request about keys"
		m, err = decodeKeyRequest(fields)
	case keyAnswerMessage:
		what = "an answer about keys"
		m, err = decodeKeyAnswer(fields)
	default:
		return nil, fmt.Errorf("kind %d of message is not known here", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", what, err)
	}
	return m, nil
}
