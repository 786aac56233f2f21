package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"holdfast/cluster"
)

// kind says what a frame is. The numbers are the wire's.
type kind byte

const (
	kindRequest  kind = 1  // a call: answer with the same id
	kindResponse kind = 2  // the handler's answer
	kindFailure  kind = 3  // the handler's error
	kindCancel   kind = 4  // nobody waits for this call any more
	kindPing     kind = 5  // are you there
	kindPong     kind = 6  // yes
	kindGoodbye  kind = 7  // the sender closes, why, and has handled nothing that it has not answered; on a stream, the handler's error
	kindVoid     kind = 8  // a frame taken back: skip it
	kindOpen     kind = 9  // the first frame of a stream
	kindOpened   kind = 10 // its handler runs
	kindMessage  kind = 11 // one message of a stream
	kindEnd      kind = 12 // the sender is done with the stream
	numKinds          = 13
)

// fields are what a frame of some kind holds after the kind, in this order: id (8 bytes), method (1), timeout (4, milliseconds,
// 0 for none), code (1), and a body that takes the rest.
type fields struct{ id, method, timeout, code, body bool }

var layouts = [numKinds]fields{
	kindRequest:  {id: true, method: true, timeout: true, body: true},
	kindResponse: {id: true, body: true},
	kindFailure:  {id: true, code: true, body: true},
	kindCancel:   {id: true},
	kindGoodbye:  {code: true, body: true},
	kindVoid:     {body: true},
	kindOpen:     {method: true},
	kindMessage:  {body: true},
}

const (
	lengthSize    = 4
	frameOverhead = 1 + 8 + 1 + 4 + 1 // the most that a frame holds beside its body, the length not counted
	maxErrorText  = 16 << 10          // bytes of an error's message; the rest is cut
)

// frame is one unit on a call or stream connection. Fields that its kind does not have are zero.
type frame struct {
	kind    kind
	id      uint64
	method  Method
	timeout time.Duration
	code    cluster.Code
	body    []byte
}

// append adds the encoded frame to dst.
func (f frame) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, byte(f.kind))
	has := layouts[f.kind]
	if has.id {
		dst = binary.BigEndian.AppendUint64(dst, f.id)
	}
	if has.method {
		dst = append(dst, byte(f.method))
	}
	if has.timeout {
		dst = binary.BigEndian.AppendUint32(dst, milliseconds(f.timeout))
	}
	if has.code {
		dst = append(dst, byte(f.code))
	}
	if has.body {
		dst = append(dst, f.body...)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-lengthSize))
	return dst
}

// parseFrame reads what followed a frame's length. The frame's body is part of b.
func parseFrame(b []byte) (frame, error) {
	if len(b) == 0 {
		return frame{}, errors.New("empty frame")
	}
	f := frame{kind: kind(b[0])}
	if f.kind == 0 || f.kind >= numKinds {
		return frame{}, fmt.Errorf("frame of unknown kind %d", b[0])
	}
	has, rest, whole := layouts[f.kind], b[1:], true
	next := func(n int) []byte {
		if whole = whole && len(rest) >= n; !whole {
			return make([]byte, n)
		}
		field := rest[:n]
		rest = rest[n:]
		return field
	}
	if has.id {
		f.id = binary.BigEndian.Uint64(next(8))
	}
	if has.method {
		f.method = Method(next(1)[0])
	}
	if has.timeout {
		f.timeout = time.Duration(binary.BigEndian.Uint32(next(4))) * time.Millisecond
	}
	if has.code {
		f.code = cluster.Code(next(1)[0])
	}
	if !whole || (len(rest) > 0 && !has.body) {
		return frame{}, fmt.Errorf("frame of kind %d with %d bytes, which it cannot have", f.kind, len(b))
	}
	if has.body {
		f.body = rest
	}
	return f, nil
}

// milliseconds rounds up, so that a deadline never becomes none.
func milliseconds(d time.Duration) uint32 {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return uint32(min(max(ms, 0), math.MaxUint32))
}
