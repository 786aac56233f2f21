package agent_test

import (
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/clustertest"
)

// TestTransactionThroughEveryMember holds that what a transaction answers, its errors too, is the same wherever it went in.
func TestTransactionThroughEveryMember(t *testing.T) {
	c := clustertest.Start(t, 3)
	kv := func(verb cluster.KVVerb, key, value string) cluster.Operation {
		return cluster.Operation{KV: &cluster.KVOperation{Verb: verb, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}}}
	}
	for _, a := range c.Agents {
		do := func(ops ...cluster.Operation) *cluster.TransactionResult {
			return c.Apply(a, &cluster.Transaction{Operations: ops}).(*cluster.TransactionResult)
		}
		r := do(kv(cluster.KVSet, "k", a.Name()), kv(cluster.KVGet, "k", ""), cluster.Operation{Node: &cluster.NodeOperation{Verb: cluster.CatalogGet, Node: cluster.Node{Name: "n1"}}})
		if len(r.Rows) != 3 || r.Rows[0].KV.Value != nil || string(r.Rows[1].KV.Value) != a.Name() || r.Rows[2].Node.Name != "n1" || r.Errors != nil {
			t.Errorf("through %s: %+v", a.Name(), r)
		}
		r = do(kv(cluster.KVSet, "k", "lost"), kv(cluster.KVGet, "none", ""))
		if r.Rows != nil || len(r.Errors) != 1 || r.Errors[0] != (cluster.OperationError{Operation: 1, What: `key "none" doesn't exist`}) {
			t.Errorf("through %s: %+v", a.Name(), r)
		}
		if e, _ := get(t, a, cluster.QueryOptions{}, "k"); string(e.Value) != a.Name() {
			t.Errorf("a transaction that failed through %s left %q", a.Name(), e.Value)
		}
	}
}
