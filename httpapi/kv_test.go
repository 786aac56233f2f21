package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"holdfast/cluster"
)

func TestKV(t *testing.T) {
	h := newMember().handler()
	talks(t, h, []talk{
		{"GET /v1/kv/a", "", 404, ""},
		{"PUT /v1/kv/a", "one", 200, "true"}, // index 1
		{"GET /v1/kv/a", "", 200, `[{"LockIndex":0,"Key":"a","Flags":0,"Value":"b25l","CreateIndex":1,"ModifyIndex":1}]`},
		{"GET /v1/kv/a?raw", "", 200, "one"},
		{"PUT /v1/kv/a?cas=7", "two", 200, "false"},
		{"PUT /v1/kv/a?cas=1&flags=42", "two", 200, "true"}, // index 3
		{"GET /v1/kv/a", "", 200, `[{"LockIndex":0,"Key":"a","Flags":42,"Value":"dHdv","CreateIndex":1,"ModifyIndex":3}]`},
		{"PUT /v1/kv/new?cas=0", "x", 200, "true"},
		{"PUT /v1/kv/new?cas=0", "y", 200, "false"},
		{"PUT /v1/kv/empty", "", 200, "true"},
		{"GET /v1/kv/empty", "", 200, `[{"LockIndex":0,"Key":"empty","Flags":0,"Value":null…`},
		{"GET /v1/kv/empty?raw", "", 200, ""},
		{"GET /v1/kv/?keys", "", 200, `["a","empty","new"]`},
		{"GET /v1/kv?keys", "", 200, `["a","empty","new"]`},
		{"GET /v1/kv/e?keys", "", 200, `["empty"]`},
		{"GET /v1/kv/zzz?keys", "", 404, ""},
		{"GET /v1/kv/zzz?recurse", "", 404, ""},
		{"DELETE /v1/kv/a?cas=1", "", 200, "false"},
		{"DELETE /v1/kv/a?cas=3", "", 200, "true"},
		{"DELETE /v1/kv/a", "", 200, "true"},
		{"DELETE /v1/kv/e?recurse", "", 200, "true"},
		{"GET /v1/kv/?keys", "", 200, `["new"]`},
		{"DELETE /v1/kv/?recurse", "", 200, "true"},
		{"GET /v1/kv/?keys", "", 200, "[]"},
		{"GET /v1/kv/?recurse", "", 404, ""},
	})
}

func TestKVRefuses(t *testing.T) {
	h := newMember().handler(func(c *Config) { c.KVMaxValueSize = 10 })
	talks(t, h, []talk{
		{"GET /v1/kv/", "", 400, "Missing key name…"},
		{"PUT /v1/kv/", "x", 400, "Missing key name…"},
		{"DELETE /v1/kv/", "", 400, "Missing key name…"},
		{"PUT /v1/kv/a?cas=x", "", 400, "the parameter cas=x is not a number…"},
		{"PUT /v1/kv/a?cas=", "", 400, "the parameter cas= is not a number…"},
		{"PUT /v1/kv/a?flags=-1", "", 400, "the parameter flags=-1 is not a number…"},
		{"PUT /v1/kv/a?cas=1&acquire=s", "", 400, "the parameters cas and acquire contradict each other…"},
		{"PUT /v1/kv/a?release=s&acquire=s", "", 400, "the parameters acquire and release contradict each other…"},
		{"DELETE /v1/kv/a?recurse&cas=1", "", 400, "the parameters recurse and cas contradict each other…"},
		{"DELETE /v1/kv/a?cas=x", "", 400, "the parameter cas=x is not a number…"},
		{"PUT /v1/kv/a", "01234567890", 413, `the value of key "a" has 11 bytes: at most 10 are allowed`},
		{"PUT /v1/kv/a", "0123456789", 200, "true"},
		{"POST /v1/kv/a", "x", 405, "method POST is not allowed here: use DELETE, GET, HEAD, PUT"},
		{"PUT /v1/kv/a?acquire=nobody", "x", 500, `invalid session "nobody"…`},
		{"PUT /v1/kv/a?acquire=", "x", 500, "missing session: the lock of key…"},
	})
}

// TestKVSizeWithoutLength sends a body that does not say how long it is.
func TestKVSizeWithoutLength(t *testing.T) {
	h := newMember().handler(func(c *Config) { c.KVMaxValueSize = 10 })
	s := newTestServer(t, h, Limits{})
	for body, want := range map[string]int{"0123456789": 200, "01234567890": 413} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/v1/kv/a", struct{ *strings.Reader }{strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.do(t, req); got != want {
			t.Errorf("a chunked body of %d bytes: status %d, want %d", len(body), got, want)
		}
	}
}

func TestKVLocks(t *testing.T) {
	m := newMember().populate(t)
	h := m.handler()
	const a = "00000000-0000-0000-0000-00000000000a"
	var b struct{ ID string }
	w := send(t, h, "PUT /v1/session/create", `{"Name":"b"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || b.ID == "" {
		t.Fatalf("session/create answers %d %s", w.Code, w.Body)
	}
	talks(t, h, []talk{
		{"PUT /v1/kv/lock?acquire=" + a, "a", 200, "true"},
		{"PUT /v1/kv/lock?acquire=" + b.ID, "b", 200, "false"},
		{"PUT /v1/kv/lock?release=" + b.ID, "b", 200, "false"},
		{"PUT /v1/kv/lock?release=" + a, "a", 200, "true"},
		{"PUT /v1/kv/lock?acquire=" + b.ID, "b", 200, "true"},
		{"GET /v1/kv/lock", "", 200, `[{"LockIndex":2,"Key":"lock","Flags":0,"Value":"Yg==","Session":"` + b.ID + `"…`},
		{"PUT /v1/kv/lock", "c", 200, "true"},
		{"GET /v1/kv/lock", "", 200, `[{"LockIndex":0,"Key":"lock","Flags":0,"Value":"Yw==","Session":"` + b.ID + `"…`},
		{"PUT /v1/session/destroy/" + b.ID, "", 200, "true"},
		{"GET /v1/kv/lock", "", 200, `[{"LockIndex":0,"Key":"lock","Flags":0,"Value":"Yw==","CreateIndex"…`},
	})
}

// TestKVOddKeys holds that any key reaches the store as it was sent, over a real connection and without a redirect.
func TestKVOddKeys(t *testing.T) {
	m := newMember()
	s := newTestServer(t, m.handler(), Limits{})
	for target, key := range map[string]string{
		"a//b": "a//b", "/a": "/a", "//a": "//a", "a/": "a/", "a//": "a//", "a/../b": "a/../b", "../a": "../a", "./a": "./a", ".": ".", "..": "..",
		"a%2Fb": "a/b", "a%2F%2Fb": "a//b", "a%20b": "a b", "a+b": "a+b", "%C3%BC/%E2%82%AC": "ü/€", "ü": "ü", "a%25b": "a%b", "a%3Fb": "a?b", "%00": "\x00", "%FF": "\xff",
		"a%2E%2E/b": "a../b", "v1/kv/x": "v1/kv/x",
	} {
		if status, body := s.raw(t, "PUT /v1/kv/"+target, "x"); status != 200 || body != "true" {
			t.Errorf("PUT /v1/kv/%s: %d %s", target, status, body)
			continue
		}
		e := m.store.View().KVGet(key)
		if e == nil || string(e.Value) != "x" {
			t.Errorf("PUT /v1/kv/%s did not store the key %q", target, key)
		}
		if status, body := s.raw(t, "GET /v1/kv/"+target+"?raw", ""); status != 200 || body != "x" {
			t.Errorf("GET /v1/kv/%s: %d %s", target, status, body)
		}
		if status, _ := s.raw(t, "DELETE /v1/kv/"+target, ""); status != 200 || m.store.View().KVGet(key) != nil {
			t.Errorf("DELETE /v1/kv/%s: %d, or the key is still there", target, status)
		}
	}
}

// FuzzKVPath holds that any key travels through a path and back.
func FuzzKVPath(f *testing.F) {
	for _, k := range []string{"a", "a//b", "../..", "/", "ü €", "a%2Fb", "\x00\xff", "a?b#c", "\"\\\u2028"} {
		f.Add(k, []byte("v"))
	}
	m := newMember()
	h := m.handler()
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		if key == "" || len(value) > cluster.MaxValueSize {
			return
		}
		w := send(t, h, "PUT /v1/kv/"+url.PathEscape(key), string(value))
		if w.Code != 200 {
			t.Fatalf("PUT of %q: %d %s", key, w.Code, w.Body)
		}
		if e := m.store.View().KVGet(key); e == nil || !bytes.Equal(e.Value, value) {
			t.Fatalf("the key %q was stored as %v", key, e)
		}
		w = send(t, h, "GET /v1/kv/"+url.PathEscape(key), "")
		var rows []struct {
			Key   string
			Value []byte
		}
		if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || len(rows) != 1 {
			t.Fatalf("GET of %q answers %s: %v", key, w.Body, err)
		}
		if rows[0].Key != strings.ToValidUTF8(key, "\ufffd") && !strings.Contains(rows[0].Key, "\ufffd") {
			t.Fatalf("GET of %q answers the key %q", key, rows[0].Key)
		}
		if !bytes.Equal(rows[0].Value, value) {
			t.Fatalf("GET of %q answers the value %q, want %q", key, rows[0].Value, value)
		}
	})
}

func BenchmarkKVGet(b *testing.B) {
	m := newMember().populate(b)
	h := m.handler()
	b.ReportAllocs()
	for b.Loop() {
		if w := send(b, h, "GET /v1/kv/a", ""); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
