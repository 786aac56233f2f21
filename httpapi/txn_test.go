package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"holdfast/cluster"
)

func TestTxn(t *testing.T) {
	h := newMember().handler()
	talks(t, h, []talk{
		{
			"PUT /v1/txn", `[{"KV":{"Verb":"set","Key":"a","Value":"b25l","Flags":7}},{"KV":{"Verb":"get","Key":"a"}}]`, 200,
			`{"Results":[{"KV":{"LockIndex":0,"Key":"a","Flags":7,"Value":null,"CreateIndex":1,"ModifyIndex":1}},` +
				`{"KV":{"LockIndex":0,"Key":"a","Flags":7,"Value":"b25l","CreateIndex":1,"ModifyIndex":1}}],"Errors":null}`,
		},
		{"PUT /v1/txn", `[{"KV":{"Verb":"delete","Key":"a"}},{"KV":{"Verb":"get","Key":"a"}}]`, 409, `{"Results":null,"Errors":[{"OpIndex":1,"What":"key \"a\" doesn't exist"}]}`},
		{"GET /v1/kv/a?raw", "", 200, "one"},
		{"PUT /v1/txn", `[{"KV":{"Verb":"delete-cas","Key":"a","Index":1}},{"KV":{"Verb":"set","Key":"b"}}]`, 200, `{"Results":[{"KV":{"LockIndex":0,"Key":"b"…`},
		{"GET /v1/kv/a", "", 404, ""},
		{
			"PUT /v1/txn", `[{"KV":{"Verb":"get-or-empty","Key":"a","Value":"eA==","Flags":3}},{"KV":{"Verb":"get-tree","Key":"none"}},{"KV":{"Verb":"check-not-exists","Key":"a"}}]`, 200,
			`{"Results":[{"KV":{"LockIndex":0,"Key":"a","Flags":0,"Value":null,"CreateIndex":0,"ModifyIndex":0}}],"Errors":null}`,
		},
		{"PUT /v1/txn", `[{"KV":{"Verb":"frob","Key":"a"}}]`, 409, `{"Results":null,"Errors":[{"OpIndex":0,"What":"unknown KV verb \"frob\""}]}`},
		{
			"PUT /v1/txn", `[{"Node":{"Verb":"set","Node":{"Node":"n9","Address":"10.0.0.9"}}},{"Service":{"Verb":"set","Node":"n9","Service":{"Service":"web","Port":80}}},` +
				`{"Check":{"Verb":"cas","Check":{"Node":"n9","Name":"c","ServiceID":"web","Status":"passing","ModifyIndex":0}}}]`, 200,
			`{"Results":[{"Node":{"ID":"","Node":"n9","Address":"10.0.0.9","Datacenter":"dc1"…`,
		},
		{"PUT /v1/txn", `[{"Check":{"Verb":"delete-cas","Check":{"Node":"n9","CheckID":"c","ModifyIndex":1}}}]`, 409, `{"Results":null,"Errors":[{"OpIndex":0,"What":"failed to delete check…`},
		{"PUT /v1/txn", `[{"Service":{"Verb":"get","Node":"n9","Service":{"ID":"web"}}}]`, 200, `{"Results":[{"Service":{"ID":"web","Service":"web","Tags":[],"Address":"","Meta":{},"Port":80…`},
		{"PUT /v1/txn", `[{"Node":{"Verb":"delete","Node":{"Node":"n9"}}}]`, 200, `{"Results":[],"Errors":null}`},
		{"PUT /v1/txn", `[]`, 200, `{"Results":[],"Errors":null}`},
		{"PUT /v1/txn", `null`, 200, `{"Results":[],"Errors":null}`},
	})
}

func TestTxnRefuses(t *testing.T) {
	h := newMember().handler(func(c *Config) { c.KVMaxValueSize = 10 })
	many := strings.Repeat(`,{"KV":{"Verb":"set","Key":"a"}}`, cluster.MaxOperations+1)
	talks(t, h, []talk{
		{"PUT /v1/txn", "", 400, "Request decode failed: the body is empty…"},
		{"PUT /v1/txn", "{}", 400, "Request decode failed: cannot unmarshal object into the body: want a list"},
		{"PUT /v1/txn", `[{"KV":{"Flags":-1}}]`, 400, "Request decode failed: cannot unmarshal number -1 into the field KV.Flags: want a whole number from 0"},
		{"PUT /v1/txn", `[{"KV":{"Value":5}}]`, 400, "Request decode failed: cannot unmarshal number into the field KV.Value: want a string in base64"},
		{"PUT /v1/txn", "[{}]", 400, "operation 0 of the transaction gives 0 of KV, Node, Service and Check: give exactly one"},
		{"PUT /v1/txn", "[null]", 400, "operation 0 of the transaction gives 0…"},
		{"PUT /v1/txn", `[{"KV":{"Verb":"get","Key":"a"},"Node":{}}]`, 400, "operation 0 of the transaction gives 2…"},
		{"PUT /v1/txn", `[{"KV":{"Verb":"set","Key":"a","Value":"%"}}]`, 400, "Request decode failed: illegal base64…"},
		{"PUT /v1/txn", `[{"KV":{"Verb":"set","Key":"a","Bogus":1}}]`, 400, `Request decode failed: unknown field "Bogus"`},
		{"PUT /v1/txn", `[{"Intention":{}}]`, 400, `Request decode failed: unknown field "Intention"`},
		{"PUT /v1/txn", `[] x`, 400, "Request decode failed…"},
		{"PUT /v1/txn", `[{"KV":{"Verb":"set","Key":"a"`, 400, "Request decode failed: unexpected EOF"},
		{"PUT /v1/txn", "[" + many[1:] + "]", 413, "Transaction contains too many operations (129 > 128)…"},
		{"PUT /v1/txn", `[{"KV":{"Verb":"set","Key":"a","Value":"MDEyMzQ1Njc4OTA="}}]`, 413, `the value of key "a" (operation 0) has 11 bytes: at most 10 are allowed`},
		{"PUT /v1/txn", `[{"Node":{"Verb":"set","Node":{"Node":"n9","Address":"x","Datacenter":"dc9"}}}]`, 500, "No path to datacenter…"},
		{"PUT /v1/txn?dc=dc9", "[]", 500, "No path to datacenter…"},
		{"PUT /v1/txn?stale&consistent", "[]", 400, "the parameters stale and consistent…"},
		{"GET /v1/txn", "", 405, "method GET is not allowed here: use PUT"},
		{"PUT /v1/txn/x", "[]", 404, "there is no endpoint…"},
	})
	if w := send(t, h, "GET /v1/kv/?keys", ""); w.Body.String() != "[]" {
		t.Errorf("something was written: %s", w.Body)
	}
}

// TestTxnReadsLikeARead holds that a transaction which only reads needs no leader when stale, never enters the log, and carries the headers of a read.
func TestTxnReadsLikeARead(t *testing.T) {
	m := newMember().populate(t)
	h := m.handler()
	m.setLeader("")
	m.noWrite = cluster.ErrNoLeader
	const read = `[{"KV":{"Verb":"get","Key":"a"}}]`
	talks(t, h, []talk{
		{"PUT /v1/txn", read, 500, "No cluster leader"},
		{"PUT /v1/txn?stale", read, 200, `{"Results":[{"KV":{"LockIndex":0,"Key":"a"…`},
		{"PUT /v1/txn?stale", `[{"KV":{"Verb":"set","Key":"a"}}]`, 500, "No cluster leader"},
	})
	w := send(t, h, "PUT /v1/txn?stale", read)
	e := m.store.View().KVGet("a")
	if got := w.Header().Get("X-Consul-Index"); got != strconv.FormatUint(e.ModifyIndex, 10) {
		t.Errorf("the index is %s, want that of the key, %d", got, e.ModifyIndex)
	}
	if w.Header().Get("X-Consul-KnownLeader") != "false" || w.Header().Get("X-Consul-LastContact") != "12" {
		t.Errorf("headers %v", w.Header())
	}
}

// txnOf sets n keys to values of size bytes.
func txnOf(tb testing.TB, n, size int) string {
	tb.Helper()
	value := base64.StdEncoding.EncodeToString(make([]byte, size))
	var ops []any
	for i := range n {
		ops = append(ops, map[string]any{"KV": map[string]any{"Verb": "set", "Key": fmt.Sprintf("k%d", i), "Value": value}})
	}
	b, err := json.Marshal(ops)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestTxnSizes(t *testing.T) {
	h := newMember().handler()
	for _, c := range []struct {
		n, size, status int
		want            string
	}{
		{64, 512, 200, `{"Results":`},
		{128, 4096, 200, `{"Results":`},
		{1, cluster.MaxValueSize, 200, `{"Results":`},
		{1, cluster.MaxValueSize + 1, 413, `the value of key "k0" (operation 0) has 524289 bytes: at most 524288 are allowed`},
		{128, cluster.MaxValueSize, 413, "the transaction has 89"},
	} {
		w := send(t, h, "PUT /v1/txn", txnOf(t, c.n, c.size))
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.want) {
			t.Errorf("%d values of %d bytes: %d %.100s, want %d %s", c.n, c.size, w.Code, w.Body, c.status, c.want)
		}
	}
}

// FuzzTxn holds that any body has an answer, and that what failed changed nothing.
func FuzzTxn(f *testing.F) {
	for _, b := range []string{
		`[{"KV":{"Verb":"set","Key":"a","Value":"b25l","Flags":7,"Index":1,"Session":"s"}}]`, `[{"KV":{"Verb":"get-tree","Key":""}}]`, `[{"KV":{"Verb":"delete-tree","Key":""}}]`,
		`[{"Node":{"Verb":"set","Node":{"ID":"x","Node":"n","Address":"a","Meta":{"a":"b"}}}}]`, `[{"Node":{"Verb":"delete","Node":{}}}]`,
		`[{"Service":{"Verb":"cas","Node":"n1","Service":{"ID":"w","Service":"w","Weights":{"Passing":1,"Warning":1}}}}]`,
		`[{"Check":{"Verb":"set","Check":{"Node":"n1","CheckID":"c","Definition":{"HTTP":"x"}}}},{"KV":{"Verb":"get","Key":"none"}}]`, `[null]`, `[{}]`, `null`, `[[[`, ``,
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := newMember().populate(t)
		before := m.store.AppliedIndex()
		nodes := len(m.store.View().Nodes())
		w := send(t, m.handler(), "PUT /v1/txn", body)
		switch w.Code {
		case 200, 409:
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s answers %s", body, w.Body)
			}
		case 400, 413, 500:
			if m.store.AppliedIndex() != before {
				t.Fatalf("%s was refused with %s and entered the log", body, w.Body)
			}
		default:
			t.Fatalf("%s: status %d %s", body, w.Code, w.Body)
		}
		if w.Code != 200 && len(m.store.View().Nodes()) != nodes {
			t.Fatalf("%s failed and changed the nodes", body)
		}
	})
}
