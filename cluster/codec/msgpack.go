package codec

import (
	"fmt"
	"reflect"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster"
	"holdfast/cluster/codec/entry"
)

// maxDepth bounds how deep msgpack may nest. Our own types reach 5.
const maxDepth = 32

// handle says how msgpack is written: canonical, so that one value has one encoding, and with the types of the current specification.
// Nothing changes it.
var handle = newHandle()

func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{WriteExt: true}
	h.Canonical = true
	h.MaxDepth = maxDepth
	return h
}

// appendMsgpack appends the encoding of v to b.
func appendMsgpack(b []byte, v any) ([]byte, error) {
	if b, ok := entry.Append(b, v); ok {
		return b, nil
	}
	var body []byte
	if err := codec.NewEncoderBytes(&body, handle).Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return append(b, body...), nil
}

// makeFrom is a new value of a type, filled from b, which must hold nothing else. What it holds shares no memory with b. It is nil where number
// stands for no type.
func (t typeTable) makeFrom(number byte, b []byte) (any, error) {
	v := t.make(number)
	if v == nil || entry.Fill(b, v) {
		return v, nil
	}
	v = t.make(number) // Fill may have left a part in it
	return v, decodeMsgpack(b, v)
}

// decodeMsgpack fills v from b, which must hold nothing else. What v holds afterwards shares no memory with b.
func decodeMsgpack(b []byte, v any) error {
	d := codec.NewDecoderBytes(b, handle)
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	if n := d.NumBytesRead(); n != len(b) {
		return fmt.Errorf("decode %T: %d bytes follow its end", v, len(b)-n)
	}
	return nil
}

// ignorable is the bit of a type's number that lets a member which does not know the type skip it.
const ignorable = 0x80

// typeTable pairs the numbers that stand for types in the log and in snapshots with the Go types.
type typeTable struct {
	types   map[byte]reflect.Type
	numbers map[reflect.Type]byte
}

// newTypeTable makes a table of pointers to the types.
func newTypeTable(samples map[byte]any) typeTable {
	t := typeTable{types: map[byte]reflect.Type{}, numbers: map[reflect.Type]byte{}}
	for number, sample := range samples {
		typ := reflect.TypeOf(sample)
		t.types[number], t.numbers[typ] = typ, number
	}
	return t
}

// number is what stands for the type of v.
func (t typeTable) number(v any) (byte, error) {
	number, ok := t.numbers[reflect.TypeOf(v)]
	if !ok {
		return 0, cluster.Errorf(cluster.Internal, "the type %T has no number in the log", v)
	}
	return number, nil
}

// make is a new value of the type that number stands for, nil if there is none.
func (t typeTable) make(number byte) any {
	typ, ok := t.types[number]
	if !ok {
		return nil
	}
	return reflect.New(typ.Elem()).Interface()
}
