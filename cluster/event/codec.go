package event

import (
	"fmt"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster"
)

// wire is an event as it travels: a msgpack map, in which a field that is not known is skipped. The names are short because gossip
// carries little, and empty fields are left out.
type wire struct {
	ID            string `codec:"i"`
	Name          string `codec:"n"`
	Payload       []byte `codec:"p,omitempty"`
	NodeFilter    string `codec:"nf,omitempty"`
	ServiceFilter string `codec:"sf,omitempty"`
	TagFilter     string `codec:"tf,omitempty"`
}

// form is the first byte of an event: what gossip carries may be something else one day.
const form = 1

// handle says how events are written. Nothing changes it.
var handle = newHandle()

func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{WriteExt: true}
	h.Canonical = true
	h.MaxDepth = 8
	return h
}

// Encode makes the message of an event.
func Encode(e *cluster.UserEvent) ([]byte, error) {
	b := []byte{}
	w := wire{e.ID, e.Name, e.Payload, e.NodeFilter, e.ServiceFilter, e.TagFilter}
	if err := codec.NewEncoderBytes(&b, handle).Encode(&w); err != nil {
		return nil, fmt.Errorf("encode user event: %w", err)
	}
	return append([]byte{form}, b...), nil
}

// Decode reads an event that came by gossip. What it answers is valid, but for its Lamport time, which gossip tells.
func Decode(b []byte) (*cluster.UserEvent, error) {
	if len(b) == 0 || b[0] != form {
		return nil, fmt.Errorf("decode user event: %d bytes in a form that is not known here", len(b))
	}
	var w wire
	if err := codec.NewDecoderBytes(b[1:], handle).Decode(&w); err != nil {
		return nil, fmt.Errorf("decode user event of %d bytes: %w", len(b), err)
	}
	e := &cluster.UserEvent{ID: w.ID, Name: w.Name, NodeFilter: w.NodeFilter, ServiceFilter: w.ServiceFilter, TagFilter: w.TagFilter}
	if len(w.Payload) > 0 {
		e.Payload = w.Payload
	}
	if _, ok := e.Index(); !ok {
		return nil, fmt.Errorf("decode user event: its ID %.40q is no UUID", w.ID)
	}
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("decode user event: %w", err)
	}
	return e, nil
}
