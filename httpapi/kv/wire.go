package kv

import (
	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// kvEntry is the JSON list of one entry, which a read of one key answers.
type kvEntry cluster.KVEntry

// AppendJSON writes the list.
func (e *kvEntry) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	b = wire.AppendKVEntry(b, (*cluster.KVEntry)(e))
	return append(b, ']')
}

// kvEntries is the JSON list of many.
type kvEntries []*cluster.KVEntry

// AppendJSON writes the list.
func (es kvEntries) AppendJSON(b []byte) []byte { return exchange.AppendList(b, es) }

// Len is how many there are.
func (es kvEntries) Len() int { return len(es) }

// Size is about how long the JSON is.
func (es kvEntries) Size() (n int) {
	for _, e := range es {
		n += wire.KVEntrySize(e)
	}
	return n
}

// AppendElement writes one entry.
func (es kvEntries) AppendElement(b []byte, i int) []byte { return wire.AppendKVEntry(b, es[i]) }

// Frame is a list's.
func (es kvEntries) Frame() (before, after string) { return "[", "]" }

// kvKeys is the JSON list of keys.
type kvKeys []string

// AppendJSON writes the list.
func (ks kvKeys) AppendJSON(b []byte) []byte { return exchange.AppendList(b, ks) }

// Len is how many there are.
func (ks kvKeys) Len() int { return len(ks) }

// Size is about how long the JSON is.
func (ks kvKeys) Size() (n int) {
	for _, k := range ks {
		n += len(k) + len(`"",`)
	}
	return n
}

// AppendElement writes one key.
func (ks kvKeys) AppendElement(b []byte, i int) []byte { return wire.AppendString(b, ks[i]) }

// Frame is a list's.
func (ks kvKeys) Frame() (before, after string) { return "[", "]" }
