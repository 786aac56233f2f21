package txn

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"

	"holdfast/cluster"
)

// keysIn reads a body that has operations on keys alone, each written as programs write them: the names of the fields as they are documented, no
// escapes, no fields twice that are objects. It reports false for every other body, right or wrong, which is then read with care. Most
// transactions are such, and the care takes longer than the transaction.
func keysIn(b []byte) (*cluster.Transaction, bool) {
	if !utf8.Valid(b) {
		return nil, false
	}
	t := text{b: b, values: make([]byte, 0, base64.StdEncoding.DecodedLen(len(b)))}
	c := &cluster.Transaction{Operations: make([]cluster.Operation, 0, 64)}
	for t.list(); !t.other; {
		if len(c.Operations) == cluster.MaxOperations {
			return nil, false
		}
		c.Operations = append(c.Operations, cluster.Operation{KV: t.operation()})
		if !t.more(']') {
			break
		}
	}
	t.space()
	return c, !t.other && t.at == len(b)
}

// text is JSON that is read from its beginning, until it has another form than what is expected.
type text struct {
	b      []byte
	at     int
	other  bool   // the form is another: nothing that is read counts
	values []byte // what was decoded so far; there is room for all that b can hold
}

func (t *text) list() { t.expect('[') }

// operation is one whose KV is given and nothing else.
func (t *text) operation() (kv *cluster.KVOperation) {
	for t.expect('{'); !t.other; {
		switch string(t.name()) {
		case "KV":
			t.other = t.other || kv != nil
			kv = t.key()
		case "Node", "Service", "Check":
			t.null()
		default:
			t.other = true
		}
		if !t.more('}') {
			break
		}
	}
	t.other = t.other || kv == nil
	return kv
}

func (t *text) key() *cluster.KVOperation {
	o := &cluster.KVOperation{}
	for t.expect('{'); !t.other; {
		switch string(t.name()) {
		case "Verb":
			o.Verb = cluster.KVVerb(t.string())
		case "Key":
			o.Entry.Key = string(t.string())
		case "Value":
			o.Entry.Value = t.base64()
		case "Flags":
			o.Entry.Flags = t.number()
		case "Index":
			o.Entry.ModifyIndex = t.number()
		case "Session":
			o.Entry.Session = string(t.string())
		default:
			t.other = true
		}
		if !t.more('}') {
			break
		}
	}
	return o
}

// space passes over white space.
func (t *text) space() {
	for t.at < len(t.b) {
		switch t.b[t.at] {
		case ' ', '\t', '\r', '\n':
			t.at++
		default:
			return
		}
	}
}

// next is the next byte that is no white space, 0 at the end.
func (t *text) next() byte {
	if t.space(); t.at < len(t.b) {
		t.at++
		return t.b[t.at-1]
	}
	return 0
}

func (t *text) expect(c byte) {
	if t.next() != c {
		t.other = true
	}
}

// more passes over a comma, or over the end, and reports whether it was a comma.
func (t *text) more(end byte) bool {
	switch t.next() {
	case ',':
		return !t.other
	case end:
		return false
	}
	t.other = true
	return false
}

// name is the name of a field.
func (t *text) name() []byte {
	s := t.string()
	t.expect(':')
	return s
}

// string is a string without escapes, as it lies in the body.
func (t *text) string() []byte {
	s := t.quoted()
	for _, c := range s {
		if c == '\\' || c < ' ' {
			t.other = true
		}
	}
	return s
}

// quoted is what stands up to the next quotation mark.
func (t *text) quoted() []byte {
	t.expect('"')
	n := bytes.IndexByte(t.b[t.at:], '"')
	if n < 0 {
		t.other = true
		return nil
	}
	s := t.b[t.at : t.at+n]
	t.at += n + 1
	return s
}

// base64 is bytes or null. The decoder refuses all that has no place in a string but the ends of lines, which it passes over.
func (t *text) base64() []byte {
	if t.space(); t.at < len(t.b) && t.b[t.at] == 'n' {
		t.null()
		return nil
	}
	s, from := t.quoted(), len(t.values)
	all, err := base64.StdEncoding.AppendDecode(t.values, s)
	t.other = t.other || err != nil || bytes.IndexByte(s, '\n') >= 0 || bytes.IndexByte(s, '\r') >= 0
	t.values = all
	return all[from:len(all):len(all)]
}

func (t *text) null() {
	t.space()
	if end := t.at + len("null"); end <= len(t.b) && string(t.b[t.at:end]) == "null" {
		t.at = end
		return
	}
	t.other = true
}

// maxDigits is how many digits no number from 0 to 1<<64-1 is too large for.
const maxDigits = 19

// number is a whole number from 0.
func (t *text) number() (n uint64) {
	t.space()
	from := t.at
	for t.at < len(t.b) && '0' <= t.b[t.at] && t.b[t.at] <= '9' {
		n = 10*n + uint64(t.b[t.at]-'0')
		t.at++
	}
	if digits := t.at - from; digits == 0 || digits > maxDigits || digits > 1 && t.b[from] == '0' {
		t.other = true
	}
	return n
}
