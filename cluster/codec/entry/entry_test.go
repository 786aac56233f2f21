package entry_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster"
	"holdfast/cluster/codec/entry"
)

// library encodes as cluster/consensus has the library do it.
func library(tb testing.TB, v any) []byte {
	tb.Helper()
	h := &codec.MsgpackHandle{WriteExt: true}
	h.Canonical = true
	var b []byte
	if err := codec.NewEncoderBytes(&b, h).Encode(v); err != nil {
		tb.Fatal(err)
	}
	return b
}

func fromLibrary(b []byte, v any) bool {
	d := codec.NewDecoderBytes(b, &codec.MsgpackHandle{WriteExt: true})
	return d.Decode(v) == nil && d.NumBytesRead() == len(b)
}

// values are at the edges of every size that msgpack writes differently.
func values() (all []any) {
	for _, n := range []int{0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536} {
		text := strings.Repeat("k", n)
		u := uint64(n)
		for _, e := range []cluster.KVEntry{
			{Key: text, Value: []byte(text), Flags: u},
			{Key: "ü", Session: text, ModifyIndex: 1<<32 - 1, CreateIndex: 1 << 32, LockIndex: u, Flags: 1<<64 - 1},
		} {
			all = append(all, &e, &cluster.KVWrite{Verb: cluster.KVCAS, Entry: e}, &cluster.KVWrite{Verb: cluster.KVVerb(text), Entry: e})
		}
	}
	for _, n := range []int{1, 2, 15, 16, 128, 300} {
		t := &cluster.Transaction{}
		for i := range n {
			t.Operations = append(t.Operations, cluster.Operation{KV: &cluster.KVOperation{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "k", Flags: uint64(i)}}})
		}
		all = append(all, t)
	}
	return all
}

func TestTheBytesAreTheLibrarys(t *testing.T) {
	t.Parallel()
	for _, v := range values() {
		want := library(t, v)
		got, ok := entry.Append([]byte("before"), v)
		if !ok || !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Fatalf("%T %+v\n gives %q (%v)\n want %q", v, v, got, ok, want)
		}
		back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if !entry.Fill(want, back) || !reflect.DeepEqual(back, v) {
			t.Fatalf("%q\n gives %+v\n want %+v", want, back, v)
		}
	}
}

func TestTheRestIsTheLibrarys(t *testing.T) {
	t.Parallel()
	kv := &cluster.KVOperation{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "k"}}
	for _, v := range []any{
		&cluster.Register{},
		&cluster.Transaction{},
		&cluster.Transaction{Operations: []cluster.Operation{{KV: kv}, {Node: &cluster.NodeOperation{}}}},
		&cluster.Transaction{Operations: []cluster.Operation{{KV: kv, Check: &cluster.CheckOperation{}}}},
		&cluster.Transaction{Operations: []cluster.Operation{{}}},
	} {
		if b, ok := entry.Append([]byte("before"), v); ok || string(b) != "before" {
			t.Errorf("%+v: %q, %v", v, b, ok)
		}
		if entry.Fill(library(t, v), reflect.New(reflect.TypeOf(v).Elem()).Interface()) {
			t.Errorf("%+v was filled in", v)
		}
	}
	whole := library(t, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "key", Value: []byte("value"), Flags: 300}})
	for n := range whole {
		if entry.Fill(whole[:n], &cluster.KVWrite{}) {
			t.Errorf("the first %d of %d bytes were enough", n, len(whole))
		}
	}
	if entry.Fill(append(whole, 0), &cluster.KVWrite{}) {
		t.Error("a byte too many was passed over")
	}
}

func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	b := library(t, &cluster.KVWrite{Verb: "x", Entry: cluster.KVEntry{Key: "key", Value: []byte("value"), Session: "s"}})
	var w cluster.KVWrite
	if !entry.Fill(b, &w) {
		t.Fatal("not filled")
	}
	clear(b)
	if w.Verb != "x" || w.Entry.Key != "key" || string(w.Entry.Value) != "value" || w.Entry.Session != "s" {
		t.Errorf("%+v", w)
	}
}

// FuzzFill holds that whatever is filled in is what the library makes of the same bytes.
func FuzzFill(f *testing.F) {
	for _, v := range values()[:20] {
		f.Add(library(f, v))
	}
	f.Add(library(f, &cluster.Transaction{Operations: []cluster.Operation{{KV: &cluster.KVOperation{Verb: "set"}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{&cluster.KVEntry{}, &cluster.KVWrite{}, &cluster.Transaction{}} {
			want := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if !entry.Fill(b, v) {
				continue
			}
			if !fromLibrary(b, want) || !reflect.DeepEqual(v, want) {
				t.Errorf("%q\n gives %+v\n want %+v", b, v, want)
			}
		}
	})
}

func BenchmarkTransaction64(b *testing.B) {
	c := &cluster.Transaction{}
	for range 64 {
		c.Operations = append(c.Operations, cluster.Operation{KV: &cluster.KVOperation{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "app/12345", Value: make([]byte, 512)}}})
	}
	body := library(b, c)
	for name, do := range map[string]func() bool{
		"append":          func() bool { _, ok := entry.Append(nil, c); return ok },
		"append, library": func() bool { return len(library(b, c)) > 0 },
		"fill":            func() bool { return entry.Fill(body, &cluster.Transaction{}) },
		"fill, library":   func() bool { return fromLibrary(body, &cluster.Transaction{}) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !do() {
					b.Fatal("it failed")
				}
			}
		})
	}
}
