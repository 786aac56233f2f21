package compat

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// put writes one key.
func put(t *testing.T, kv *api.KV, key, value string) {
	t.Helper()
	_, err := kv.Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
	ok(t, err)
}

// TestKVIndexIsTheKeysOwn: clients feed the index of a single key's answer back as the one to compare.
func TestKVIndexIsTheKeysOwn(t *testing.T) {
	kv := start(t).KV()
	put(t, kv, "a", "1")
	put(t, kv, "b", "1")
	pair, meta, err := kv.Get("a", nil)
	ok(t, err)
	if meta.LastIndex != pair.ModifyIndex || meta.LastIndex == 0 {
		t.Errorf("the answer's index is %d, the key's %d", meta.LastIndex, pair.ModifyIndex)
	}
	if done, _, err := kv.CAS(&api.KVPair{Key: "a", Value: []byte("2"), ModifyIndex: meta.LastIndex}, nil); !done || err != nil {
		t.Errorf("cas with the answer's index: %t, %v", done, err)
	}
	if done, _, err := kv.CAS(&api.KVPair{Key: "a", Value: []byte("3"), ModifyIndex: meta.LastIndex}, nil); done || err != nil {
		t.Errorf("cas with an old index: %t, %v", done, err)
	}
	if done, _, err := kv.CAS(&api.KVPair{Key: "b", ModifyIndex: 0}, nil); done || err != nil {
		t.Errorf("cas 0 of a key that is there: %t, %v", done, err)
	}
	if done, _, err := kv.DeleteCAS(&api.KVPair{Key: "a", ModifyIndex: meta.LastIndex}, nil); done || err != nil {
		t.Errorf("delete with an old index: %t, %v", done, err)
	}
}

func TestKVBlocking(t *testing.T) {
	kv := start(t).KV()
	_, none, err := kv.Get("dir/later", nil)
	ok(t, err)
	if none.LastIndex == 0 {
		t.Error("a missing key answers with index 0")
	}
	type answer struct {
		pair *api.KVPair
		meta *api.QueryMeta
		err  error
	}
	wait := func(key string, opts *api.QueryOptions) chan answer {
		c := make(chan answer, 1)
		go func() {
			pair, meta, err := kv.Get(key, opts)
			c <- answer{pair, meta, err}
		}()
		return c
	}
	appears := wait("dir/later", &api.QueryOptions{WaitIndex: none.LastIndex, WaitTime: limit})
	put(t, kv, "dir/other", "x")
	put(t, kv, "dir/later", "x")
	if a := <-appears; a.err != nil || a.pair == nil || a.meta.LastIndex <= none.LastIndex {
		t.Errorf("a blocking read of a key that appears: %+v", a)
	}

	_, meta, err := kv.List("dir/", nil)
	ok(t, err)
	began := time.Now()
	_, same, err := kv.List("dir/", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 300 * time.Millisecond})
	if took := time.Since(began); err != nil || same.LastIndex != meta.LastIndex || took < 300*time.Millisecond {
		t.Errorf("a wait in which nothing changes: index %d after %s, %v; want %d", same.LastIndex, took, err, meta.LastIndex)
	}
	_, err = kv.Delete("dir/other", nil)
	ok(t, err)
	left, gone, err := kv.List("dir/", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: limit})
	if err != nil || gone.LastIndex <= meta.LastIndex || len(left) != 1 {
		t.Errorf("after a delete below it: %d keys at %d, was %d, %v", len(left), gone.LastIndex, meta.LastIndex, err)
	}
}

// TestKVStrangeKeys: whatever a client escapes comes back as it was.
func TestKVStrangeKeys(t *testing.T) {
	kv := start(t).KV()
	keys := []string{"s p", "ü/ñ/漢", "a//b", "a/../b", "a/./b", "100%", "%2F", "a+b&c=d?e#f", "trail/"}
	for _, key := range keys {
		put(t, kv, key, key)
	}
	for _, key := range keys {
		if pair, _, err := kv.Get(key, nil); err != nil || pair == nil || pair.Key != key || string(pair.Value) != key {
			t.Errorf("key %q: %+v, %v", key, pair, err)
		}
	}
	if all, _, err := kv.Keys("", "", nil); err != nil || len(all) != len(keys) {
		t.Errorf("all keys: %q, %v", all, err)
	}
}

func TestKVListsAndDeletes(t *testing.T) {
	kv := start(t).KV()
	for _, key := range []string{"p/a", "p/b/c", "p/b/d", "q"} {
		put(t, kv, key, key)
	}
	if keys, _, err := kv.Keys("p/", "/", nil); err != nil || fmt.Sprint(keys) != "[p/a p/b/]" {
		t.Errorf("keys with a separator: %q, %v", keys, err)
	}
	if pairs, _, err := kv.List("p", nil); err != nil || len(pairs) != 3 {
		t.Errorf("recurse: %v, %v", pairs, err)
	}
	if none, meta, err := kv.List("none/", nil); err != nil || none != nil || meta.LastIndex == 0 {
		t.Errorf("recurse of nothing: %v, %+v, %v", none, meta, err)
	}
	_, err := kv.DeleteTree("p/", nil)
	ok(t, err)
	if keys, _, err := kv.Keys("", "", nil); err != nil || fmt.Sprint(keys) != "[q]" {
		t.Errorf("keys after a recursive delete: %q, %v", keys, err)
	}
}

func TestKVValues(t *testing.T) {
	kv := start(t).KV()
	_, err := kv.Put(&api.KVPair{Key: "flags", Flags: 1<<64 - 1}, nil)
	ok(t, err)
	if pair, _, err := kv.Get("flags", nil); err != nil || pair.Flags != 1<<64-1 || pair.Value != nil || pair.Session != "" {
		t.Errorf("flags and no value: %+v, %v", pair, err)
	}
	binary := bytes.Repeat([]byte{0, 0xff, '"', '\n'}, 128<<10)
	_, err = kv.Put(&api.KVPair{Key: "most", Value: binary}, nil)
	ok(t, err)
	if pair, _, err := kv.Get("most", nil); err != nil || !bytes.Equal(pair.Value, binary) {
		t.Errorf("512 KiB did not come back: %v", err)
	}
	if _, err := kv.Put(&api.KVPair{Key: "more", Value: append(binary, 0)}, nil); err == nil || !strings.Contains(err.Error(), "413") {
		t.Errorf("a byte more than 512 KiB: %v, want status 413", err)
	}
}
