package entry

import (
	"encoding/binary"
	"math"
	"slices"

	"holdfast/cluster"
)

// The first byte of a value: what it is, and how many bytes its size takes, or the number itself.
const (
	null  = 0xc0
	bin8  = 0xc4
	bin16 = 0xc5
	bin32 = 0xc6
	num8  = 0xcc // whole numbers from 0
	num16 = 0xcd
	num32 = 0xce
	num64 = 0xcf
	str8  = 0xd9
	str16 = 0xda
	str32 = 0xdb
	list  = 0x90 // + the length, up to 15
	list2 = 0xdc // and its length in 2 bytes

	smallList   = 0x0f
	smallString = 0x1f
	smallNumber = 0x7f
	fixedString = 0xa0 // + the length, up to 31
)

// The maps around the values: how many fields there are, and their names.
const (
	beforeEntry      = "\x82\xa5Entry"
	beforeCreate     = "\x87\xabCreateIndex"
	beforeFlags      = "\xa5Flags"
	beforeKey        = "\xa3Key"
	beforeLock       = "\xa9LockIndex"
	beforeModify     = "\xabModifyIndex"
	beforeSession    = "\xa7Session"
	beforeValue      = "\xa5Value"
	beforeVerb       = "\xa4Verb"
	beforeOperations = "\x81\xaaOperations"
	beforeKV         = "\x84\xa5Check\xc0\xa2KV"
	afterKV          = "\xa4Node\xc0\xa7Service\xc0"
)

// Append appends the msgpack of v to b. It reports false, and b is as it was, where v is left to the library.
func Append(b []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case *cluster.KVEntry:
		return appendEntry(b, v), true
	case *cluster.KVWrite:
		return appendWrite(slices.Grow(b, sizeOf(&v.Entry)), v.Verb, &v.Entry), true
	case *cluster.Transaction:
		return appendTransaction(b, v)
	}
	return b, false
}

func appendTransaction(b []byte, t *cluster.Transaction) ([]byte, bool) {
	n, size := len(t.Operations), 0
	if n == 0 || n > math.MaxUint16 {
		return b, false
	}
	for i := range t.Operations {
		o := &t.Operations[i]
		if o.KV == nil || o.Node != nil || o.Service != nil || o.Check != nil {
			return b, false
		}
		size += sizeOf(&o.KV.Entry)
	}
	b = append(slices.Grow(b, size), beforeOperations...)
	if n <= smallList {
		b = append(b, list|byte(n))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, list2), uint16(n))
	}
	for i := range t.Operations {
		o := t.Operations[i].KV
		b = append(b, beforeKV...)
		b = appendWrite(b, o.Verb, &o.Entry)
		b = append(b, afterKV...)
	}
	return b, true
}

// smallestOperation is what an operation takes whose texts are empty and whose numbers are small. numbers is what large ones take beside.
const (
	smallestOperation = len(beforeKV+beforeEntry+beforeCreate+beforeFlags+beforeKey+beforeLock+beforeModify+beforeSession+beforeValue+beforeVerb+afterKV) + 8
	numbers           = 64
)

// sizeOf is about what an operation takes.
func sizeOf(e *cluster.KVEntry) int {
	return smallestOperation + len(e.Key) + len(e.Session) + len(e.Value) + numbers
}

func appendWrite(b []byte, verb cluster.KVVerb, e *cluster.KVEntry) []byte {
	b = appendEntry(append(b, beforeEntry...), e)
	return appendString(append(b, beforeVerb...), string(verb))
}

func appendEntry(b []byte, e *cluster.KVEntry) []byte {
	b = appendNumber(append(b, beforeCreate...), e.CreateIndex)
	b = appendNumber(append(b, beforeFlags...), e.Flags)
	b = appendString(append(b, beforeKey...), e.Key)
	b = appendNumber(append(b, beforeLock...), e.LockIndex)
	b = appendNumber(append(b, beforeModify...), e.ModifyIndex)
	b = appendString(append(b, beforeSession...), e.Session)
	return appendBytes(append(b, beforeValue...), e.Value)
}

func appendNumber(b []byte, n uint64) []byte {
	switch {
	case n <= smallNumber:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, num8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, num16), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, num32), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, num64), n)
}

func appendString(b []byte, s string) []byte {
	if len(s) <= smallString {
		b = append(b, fixedString|byte(len(s)))
	} else {
		b = appendSize(b, len(s), str8)
	}
	return append(b, s...)
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, null)
	}
	return append(appendSize(b, len(v), bin8), v...)
}

// appendSize appends a size in 1, 2 or 4 bytes, behind the first byte for that: they follow one another.
func appendSize(b []byte, n int, one byte) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(b, one, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, one+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, one+2), uint32(n))
}
