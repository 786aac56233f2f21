package txn

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// withCare reads a body as every other is read.
func withCare(b []byte) (*cluster.Transaction, error) {
	var body []*operation
	if err := exchange.DecodeStrict(b, &body); err != nil {
		return nil, err
	}
	c := &cluster.Transaction{}
	for _, o := range body {
		c.Operations = append(c.Operations, o.operation("dc1"))
	}
	return c, nil
}

var keyBodies = []string{
	`[{"KV":{"Verb":"set","Key":"app/1","Value":"dmFsdWU=","Flags":42,"Index":0,"Session":""}}]`,
	` [ { "KV" : { "Verb" : "cas" , "Key":"ü", "Value":null, "Index": 9999999999999999999 } , "Node" : null,"Service":null,"Check":null } ] ` + "\n",
	`[{"KV":{"Verb":"get","Key":"a"}},{"KV":{"Verb":"lock","Key":"","Value":"","Session":"s"}}]`,
	`[{"Check":null,"KV":{"Verb":"set","Verb":"delete","Key":"a"}}]`,
}

var otherBodies = []string{
	``, `[`, `[]`, `null`, `{}`, `[{}]`, `[null]`, `[{"KV":null}]`, `[{"KV":{}}]`, `[{"kv":{"Verb":"get"}}]`, `[{"KV":{"Verb":"get"}},]`, `[{"KV":{"Verb":"get"},}]`,
	`[{"KV":{"Verb":"get"}}] x`, `[{"KV":{"Verb":"get"},"KV":{"Key":"k"}}]`, `[{"KV":{"Key":"a\u0062"}}]`, `[{"KV":{"Key":"` + "\x01" + `"}}]`, `[{"KV":{"Key":"` + "\xff" + `"}}]`,
	`[{"KV":{"Flags":01}}]`, `[{"KV":{"Flags":-1}}]`, `[{"KV":{"Flags":1.5}}]`, `[{"KV":{"Flags":18446744073709551616}}]`, `[{"KV":{"Flags":18446744073709551615}}]`, `[{"KV":{"Value":"%"}}]`,
	`[{"KV":{"Value":"dmFsdWU"}}]`, `[{"KV":{"Value":[1]}}]`, `[{"KV":{"Session":null}}]`, `[{"KV":{"Namespace":"x"}}]`, `[{"Node":{"Verb":"get","Node":{"Node":"n"}}}]`, `[{"KV":{"Key":"k}}]`, `[{"KV":{"Flags":}}]`,
}

func TestKeysAreReadAsWithCare(t *testing.T) {
	t.Parallel()
	for _, b := range keyBodies {
		got, ok := keysIn([]byte(b))
		want, err := withCare([]byte(b))
		if !ok || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n gives %v (%v)\n want %v (%v)", b, got, ok, want, err)
		}
	}
	if _, ok := keysIn([]byte("[" + strings.Repeat(`{"KV":{"Verb":"get","Key":"k"}},`, cluster.MaxOperations) + `{"KV":{"Verb":"get","Key":"k"}}]`)); ok {
		t.Error("one operation too many was read")
	}
}

// FuzzKeys holds that whatever is read quickly is what is read with care.
func FuzzKeys(f *testing.F) {
	for _, b := range append(keyBodies, otherBodies...) {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := keysIn(b)
		if !ok {
			return
		}
		want, err := withCare(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q\n gives %v\n want %v (%v)", b, got, want, err)
		}
	})
}

func BenchmarkBody64(b *testing.B) {
	type kv struct {
		Verb, Key string
		Value     []byte
		Flags     uint64
	}
	var ops []map[string]kv
	for i := range 64 {
		ops = append(ops, map[string]kv{"KV": {"set", fmt.Sprintf("app/%05d", i), make([]byte, 512), 0}})
	}
	body, err := json.Marshal(ops)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("keys", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := keysIn(body); !ok {
				b.Fatal("not read")
			}
		}
	})
	b.Run("with care", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := withCare(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
