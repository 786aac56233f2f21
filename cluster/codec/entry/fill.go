package entry

import (
	"encoding/binary"

	"holdfast/cluster"
)

// Fill fills v, which is empty, from b, which must hold nothing else. It reports false where that is left to the library; v may then hold a part.
// What v holds shares no memory with b.
func Fill(b []byte, v any) bool {
	c := cursor{b: b}
	switch v := v.(type) {
	case *cluster.KVEntry:
		c.entry(v)
	case *cluster.KVWrite:
		c.write(&v.Verb, &v.Entry)
	case *cluster.Transaction:
		c.transaction(v)
	default:
		return false
	}
	return !c.other && len(c.b) == 0
}

// cursor reads bytes that have the expected form, until they have another.
type cursor struct {
	b     []byte
	other bool // the form is another: nothing is read any more
}

func (c *cursor) transaction(t *cluster.Transaction) {
	c.literal(beforeOperations)
	n := 0
	switch head := c.head(); {
	case head == list2:
		n = int(c.number(2))
	case head&^smallList == list:
		n = int(head & smallList)
	default:
		c.fail()
	}
	if c.other || n > len(c.b)/smallestOperation {
		c.fail()
		return
	}
	operations := make([]cluster.KVOperation, n)
	t.Operations = make([]cluster.Operation, n)
	for i := range operations {
		o := &operations[i]
		c.literal(beforeKV)
		c.write(&o.Verb, &o.Entry)
		c.literal(afterKV)
		t.Operations[i].KV = o
	}
}

func (c *cursor) write(verb *cluster.KVVerb, e *cluster.KVEntry) {
	c.literal(beforeEntry)
	c.entry(e)
	c.literal(beforeVerb)
	*verb = known(c.text())
}

// known is a verb. Those that there are need no memory.
func known(verb []byte) cluster.KVVerb {
	switch string(verb) {
	case string(cluster.KVSet):
		return cluster.KVSet
	case string(cluster.KVCAS):
		return cluster.KVCAS
	case string(cluster.KVDelete):
		return cluster.KVDelete
	case string(cluster.KVLock):
		return cluster.KVLock
	case string(cluster.KVUnlock):
		return cluster.KVUnlock
	}
	return cluster.KVVerb(verb)
}

func (c *cursor) entry(e *cluster.KVEntry) {
	c.literal(beforeCreate)
	e.CreateIndex = c.index()
	c.literal(beforeFlags)
	e.Flags = c.index()
	c.literal(beforeKey)
	e.Key = string(c.text())
	c.literal(beforeLock)
	e.LockIndex = c.index()
	c.literal(beforeModify)
	e.ModifyIndex = c.index()
	c.literal(beforeSession)
	e.Session = string(c.text())
	c.literal(beforeValue)
	e.Value = c.value()
}

// fail ends the reading.
func (c *cursor) fail() { c.b, c.other = nil, true }

// literal passes over s.
func (c *cursor) literal(s string) {
	if len(c.b) < len(s) || string(c.b[:len(s)]) != s {
		c.fail()
		return
	}
	c.b = c.b[len(s):]
}

// head is the next byte.
func (c *cursor) head() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// take is the next n bytes, nil where there are fewer.
func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) || c.other {
		c.fail()
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

// number is a number in n bytes.
func (c *cursor) number(n uint64) uint64 {
	var wide [8]byte
	copy(wide[8-n:], c.take(n))
	return binary.BigEndian.Uint64(wide[:])
}

// index is a number with its head.
func (c *cursor) index() uint64 {
	switch head := c.head(); head {
	case num8, num16, num32, num64:
		return c.number(1 << (head - num8))
	default:
		if head > smallNumber {
			c.fail()
		}
		return uint64(head)
	}
}

// text is a text with its head, as it lies in what is read.
func (c *cursor) text() []byte {
	switch head := c.head(); {
	case head&^smallString == fixedString:
		return c.take(uint64(head & smallString))
	case head >= str8 && head <= str32:
		return c.take(c.number(1 << (head - str8)))
	}
	c.fail()
	return nil
}

// value is a copy of bytes with their head.
func (c *cursor) value() []byte {
	switch head := c.head(); head {
	case null:
		return nil
	case bin8, bin16, bin32:
		v := c.take(c.number(1 << (head - bin8)))
		if c.other {
			return nil
		}
		return append(make([]byte, 0, len(v)), v...)
	}
	c.fail()
	return nil
}
