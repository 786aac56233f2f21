package compat

import (
	"fmt"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestTransaction: all of it happens, or none, and the answer says what stopped it.
func TestTransaction(t *testing.T) {
	a := start(t)
	put(t, a.KV(), "d/a", "1")
	had, _, err := a.KV().Get("d/a", nil)
	ok(t, err)
	done, reply, _, err := a.Txn().Txn(api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVCheckIndex, Key: "d/a", Index: had.ModifyIndex}},
		{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "d/b", Value: []byte("2")}},
		{KV: &api.KVTxnOp{Verb: api.KVGetOrEmpty, Key: "none"}},
		{KV: &api.KVTxnOp{Verb: api.KVGetTree, Key: "d/"}},
		{Node: &api.NodeTxnOp{Verb: api.NodeSet, Node: api.Node{Node: "ext", Address: "198.51.100.7"}}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceSet, Node: "ext", Service: api.AgentService{ID: "web", Service: "web", Port: 80}}},
		{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: api.HealthCheck{Node: "ext", CheckID: "up", Name: "up", ServiceID: "web", Status: api.HealthPassing}}},
	}, nil)
	ok(t, err)
	var got []string
	for _, r := range reply.Results {
		switch {
		case r.KV != nil:
			got = append(got, fmt.Sprintf("key %s=%s", r.KV.Key, r.KV.Value))
		case r.Node != nil:
			got = append(got, "node "+r.Node.Node)
		case r.Service != nil:
			got = append(got, "service "+r.Service.ID)
		case r.Check != nil:
			got = append(got, "check "+r.Check.CheckID)
		}
	}
	if want := "[key d/a= key d/b= key none= key d/a=1 key d/b=2 node ext service web check up]"; !done || fmt.Sprint(got) != want || len(reply.Errors) > 0 {
		for _, e := range reply.Errors {
			t.Errorf("operation %d: %s", e.OpIndex, e.What)
		}
		t.Fatalf("done %t: %v, want %s", done, got, want)
	}
	if all, _, err := a.Health().Service("web", "", true, nil); err != nil || len(all) != 1 {
		t.Errorf("the instance is %v, %v", all, err)
	}

	done, kv, _, err := a.KV().Txn(api.KVTxnOps{
		{Verb: api.KVSet, Key: "d/b", Value: []byte("3")},
		{Verb: api.KVCheckNotExists, Key: "d/a"},
		{Verb: api.KVGet, Key: "none"},
	}, nil)
	if err != nil || done || len(kv.Results) != 0 || len(kv.Errors) != 2 || kv.Errors[0].OpIndex != 1 || kv.Errors[1].OpIndex != 2 {
		t.Errorf("a transaction that fails: %t, %+v, %v", done, kv, err)
	}
	if b, _, err := a.KV().Get("d/b", nil); err != nil || string(b.Value) != "2" {
		t.Errorf("it left %v, %v", b, err)
	}
	if _, _, _, err := a.KV().Txn(make(api.KVTxnOps, 129), nil); err == nil {
		t.Error("129 operations are taken")
	}
}
