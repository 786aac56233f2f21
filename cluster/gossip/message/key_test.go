package message

import (
	"bytes"
	"strings"
	"testing"

	"holdfast/cluster"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func TestKeyMessages(t *testing.T) {
	q := KeyRequest{ID: 1 << 50, From: "n1", Op: cluster.UseKey, Key: key(3)}
	if got, err := decodeKeyRequest(q.Encode()[1:]); err != nil || got.ID != q.ID || got.From != "n1" || got.Op != cluster.UseKey || !bytes.Equal(got.Key, q.Key) {
		t.Errorf("%+v, %v", got, err)
	}
	a := KeyAnswer{ID: 7, Failure: strings.Repeat("x", 300), Keys: [][]byte{key(1), key(2)[:16]}}
	if got, err := decodeKeyAnswer(a.Encode()[1:]); err != nil || got.ID != 7 || len(got.Failure) != maxReason || len(got.Keys) != 2 || !bytes.Equal(got.Keys[1], a.Keys[1]) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []KeyRequest{{From: "n1", Op: 9}, {From: "n1"}, {Op: cluster.ListKeys}, {From: "n1", Op: cluster.ListKeys, Key: make([]byte, 33)}} {
		if _, err := decodeKeyRequest(bad.Encode()[1:]); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	full := KeyAnswer{}
	for range MaxKeys {
		full.Keys = append(full.Keys, key(1))
	}
	if n := len(full.Encode()); n > maxMessage {
		t.Errorf("the answer of a full keyring has %d bytes", n)
	}
}
