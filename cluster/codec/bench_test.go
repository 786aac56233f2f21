package codec

import (
	"testing"

	"holdfast/cluster"
)

func aWrite() *cluster.KVWrite {
	return &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "key", Value: make([]byte, 100)}}
}

func BenchmarkEncodeCommand(b *testing.B) {
	c := aWrite()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeCommand(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeCommand(b *testing.B) {
	encoded, err := EncodeCommand(aWrite())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := DecodeCommand(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
