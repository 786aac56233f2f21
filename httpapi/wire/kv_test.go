package wire

import (
	"encoding/json"
	"testing"

	"holdfast/cluster"
)

// TestAppendKVEntry holds that the encoder by hand writes what encoding/json would.
func TestAppendKVEntry(t *testing.T) {
	type entry struct {
		LockIndex   uint64
		Key         string
		Flags       uint64
		Value       []byte
		Session     string `json:",omitempty"`
		CreateIndex uint64
		ModifyIndex uint64
	}
	for _, e := range []cluster.KVEntry{
		{Key: "a", Value: []byte("x"), CreateIndex: 1, ModifyIndex: 2},
		{Key: "a<b>&\"\\\x00\u2028ü\xff", Flags: 1<<64 - 1, Session: "s", LockIndex: 3},
	} {
		want, err := json.Marshal(entry{e.LockIndex, e.Key, e.Flags, e.Value, e.Session, e.CreateIndex, e.ModifyIndex})
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendKVEntry(nil, &e); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
