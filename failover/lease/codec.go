package lease

import (
	"fmt"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// handle says how messages are written: msgpack maps with the fields' names as keys, so that members of different versions understand
// each other: a field that is not known is skipped, one that is missing is zero. Nothing changes it.
var handle = newHandle()

func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{WriteExt: true}
	h.Canonical = true
	h.MaxDepth = 16
	return h
}

// EncodeRenewal makes the message of a renewal.
func EncodeRenewal(r *Renewal) ([]byte, error) { return encode("renewal", r) }

// EncodeAnswer makes the message of an answer.
func EncodeAnswer(a *Answer) ([]byte, error) { return encode("answer", a) }

// DecodeRenewal reads a renewal from the network.
func DecodeRenewal(b []byte) (*Renewal, error) {
	var r Renewal
	if err := decode("renewal", b, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// DecodeAnswer reads an answer from the network.
func DecodeAnswer(b []byte) (*Answer, error) {
	var a Answer
	if err := decode("answer", b, &a); err != nil {
		return nil, err
	}
	if a.TTL < 0 {
		return nil, fmt.Errorf("decode lease answer: a TTL of %s", a.TTL)
	}
	return &a, nil
}

func encode(what string, v any) ([]byte, error) {
	var b []byte
	if err := codec.NewEncoderBytes(&b, handle).Encode(v); err != nil {
		return nil, fmt.Errorf("encode lease %s: %w", what, err)
	}
	return b, nil
}

func decode(what string, b []byte, v any) error {
	d := codec.NewDecoderBytes(b, handle)
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decode lease %s of %d bytes: %w", what, len(b), err)
	}
	if n := d.NumBytesRead(); n != len(b) {
		return fmt.Errorf("decode lease %s: %d bytes follow its end", what, len(b)-n)
	}
	return nil
}
