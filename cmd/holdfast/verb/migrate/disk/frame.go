package disk

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// framer takes one value of msgpack after another off a reader. It makes room for what has come, never for what a length announces.
type framer struct {
	r   *bufio.Reader
	buf bytes.Buffer
}

var errTooLong = fmt.Errorf("it takes more than %d MiB", maxRecord>>20)

// decode fills v from the next value.
func (f *framer) decode(v any) error {
	b, err := f.next()
	if err != nil {
		return err
	}
	return codec.NewDecoderBytes(b, handle).Decode(v)
}

// next is the next value, until next is called again.
func (f *framer) next() ([]byte, error) {
	f.buf.Reset()
	for values := uint64(1); values > 0; values-- {
		size, more, err := f.head()
		if err == nil {
			err = f.take(size)
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		values += more
	}
	return f.buf.Bytes(), nil
}

// take moves n bytes into the buffer.
func (f *framer) take(n uint64) error {
	if n > maxRecord-uint64(f.buf.Len()) {
		return errTooLong
	}
	_, err := io.CopyN(&f.buf, f.r, int64(n))
	return err
}

// The first bytes of values that have others inside, or that say in the bytes after them how long they are: see the msgpack specification.
const (
	fixMap, fixArray, fixString, null    = 0x80, 0x90, 0xa0, 0xc0
	invalid, bin8, ext8, floats, fixExt1 = 0xc1, 0xc4, 0xc7, 0xca, 0xd4
	string8, array16, map16, negative    = 0xd9, 0xdc, 0xde, 0xe0
	uints, ints                          = 0xcc, 0xd0
)

// head takes what a value begins with, and answers how many bytes follow, and how many values after them belong to it.
func (f *framer) head() (size, values uint64, err error) {
	if err := f.take(1); err != nil {
		return 0, 0, err
	}
	switch b := f.buf.Bytes()[f.buf.Len()-1]; {
	case b < fixMap || b >= negative: // a small number
	case b < fixArray:
		return 0, 2 * uint64(b-fixMap), nil
	case b < fixString:
		return 0, uint64(b - fixArray), nil
	case b < null:
		return uint64(b - fixString), 0, nil
	case b == invalid:
		return 0, 0, fmt.Errorf("it has the byte %#x, which begins no value of msgpack", b)
	case b < bin8: // nil, false, true
	case b < ext8:
		size, err = f.length(b - bin8)
	case b < floats:
		size, err = f.length(b - ext8)
		size++ // its type
	case b < uints:
		size = 4 << (b - floats)
	case b < ints:
		size = 1 << (b - uints)
	case b < fixExt1:
		size = 1 << (b - ints)
	case b < string8:
		size = 1 + 1<<(b-fixExt1)
	case b < array16:
		size, err = f.length(b - string8)
	case b < map16:
		values, err = f.length(b - array16 + 1)
	default:
		values, err = f.length(b - map16 + 1)
		values *= 2
	}
	return size, values, err
}

// length takes a length of 1, 2 or 4 bytes, for the powers 0, 1 and 2.
func (f *framer) length(power byte) (uint64, error) {
	n := 1 << power
	if err := f.take(uint64(n)); err != nil {
		return 0, err
	}
	var b [8]byte
	copy(b[8-n:], f.buf.Bytes()[f.buf.Len()-n:])
	return binary.BigEndian.Uint64(b[:]), nil
}
