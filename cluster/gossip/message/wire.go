package message

import (
	"encoding/binary"
	"errors"
)

// A decoder reads the fields that it knows and ignores what a
// newer member may have put behind them.

var (
	errShort  = errors.New("it ends too early")
	errTooBig = errors.New("a length in it exceeds the limit")
)

// appendBytes adds a byte string with its length.
func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes fields off a buffer. Its first error stays, and every field after it is zero, so that a decoder checks once, at its end.
type reader struct {
	buf []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.buf = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.buf) == 0 {
		r.fail(errShort)
		return 0
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b
}

// bytes is a byte string of at most limit bytes. It shares the buffer's memory.
func (r *reader) bytes(limit int) []byte {
	n := r.uvarint()
	switch {
	case n > uint64(limit):
		r.fail(errTooBig)
		return nil
	case n > uint64(len(r.buf)):
		r.fail(errShort)
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

func (r *reader) string(limit int) string { return string(r.bytes(limit)) }

// count is the number of fields that follow. Each takes a byte at least, so that no buffer announces more of them than it can hold.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.buf)) {
		r.fail(errShort)
		return 0
	}
	return int(n)
}
