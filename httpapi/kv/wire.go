package kv

import (
	"holdfast/cluster"
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
func (es kvEntries) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	for i, e := range es {
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendKVEntry(b, e)
	}
	return append(b, ']')
}
