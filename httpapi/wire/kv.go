package wire

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"holdfast/cluster"
)

// AppendKVEntry writes one entry: the value in base64 or null, the session only where there is one.
func AppendKVEntry(b []byte, e *cluster.KVEntry) []byte {
	b = strconv.AppendUint(append(b, `{"LockIndex":`...), e.LockIndex, 10)
	b = AppendString(append(b, `,"Key":`...), e.Key)
	b = strconv.AppendUint(append(b, `,"Flags":`...), e.Flags, 10)
	if len(e.Value) == 0 {
		b = append(b, `,"Value":null`...)
	} else {
		b = base64.StdEncoding.AppendEncode(append(b, `,"Value":"`...), e.Value)
		b = append(b, '"')
	}
	if e.Session != "" {
		b = AppendString(append(b, `,"Session":`...), e.Session)
	}
	b = strconv.AppendUint(append(b, `,"CreateIndex":`...), e.CreateIndex, 10)
	b = strconv.AppendUint(append(b, `,"ModifyIndex":`...), e.ModifyIndex, 10)
	return append(b, '}')
}

// KVEntrySize is about how many bytes AppendKVEntry writes.
func KVEntrySize(e *cluster.KVEntry) int {
	return base64.StdEncoding.EncodedLen(len(e.Value)) + len(e.Key) + 150
}

// AppendString writes a JSON string. Most need no escape.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // a string always encodes
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
