package state

import (
	"math/rand"
	"reflect"
	"testing"

	"holdfast/cluster"
)

// anyTransaction draws a transaction from the world of anyCommand. Most of its operations have a chance to succeed.
func anyTransaction(rnd *rand.Rand) *cluster.Transaction {
	one := func(of ...string) string { return of[rnd.Intn(len(of))] }
	index := func() uint64 { return uint64(rnd.Intn(2) * rnd.Intn(600)) }
	c := &cluster.Transaction{}
	for range 1 + rnd.Intn(4) {
		name, verb := one("n1", "n2", "N2", "n3"), cluster.CatalogVerb(one("get", "set", "set", "cas", "delete", "delete-cas", "none"))
		switch rnd.Intn(8) {
		case 0:
			c.Operations = append(c.Operations, nodeOp(verb, cluster.Node{Name: one(name, name, ""), ID: one("", "", "id1", "id2"), Address: one("10.0.0.1", "10.0.0.2"), ModifyIndex: index()}))
		case 1:
			c.Operations = append(c.Operations, serviceOp(verb, cluster.Service{Node: name, ID: one("web", "db", ""), Name: one("web", "db", "Web"), ModifyIndex: index()}))
		case 2:
			c.Operations = append(c.Operations, checkOp(verb, cluster.Check{
				Node: name, ID: one("disk", cluster.SerfHealth, "service:web"), ServiceID: one("", "", "web"), Status: cluster.Status(one("passing", "critical")), ModifyIndex: index(),
			}))
		default:
			c.Operations = append(c.Operations, cluster.Operation{KV: &cluster.KVOperation{
				Verb: cluster.KVVerb(one("set", "set", "cas", "lock", "unlock", "delete", "delete-cas", "delete-tree", "get", "get-or-empty", "get-tree",
					"check-index", "check-session", "check-not-exists", "none")),
				Entry: cluster.KVEntry{Key: one("a", "a/b", "a/b/c", "b", "b/c"), Value: []byte(one("1", "2")), Session: one("s1", "s2", "s3"), ModifyIndex: index()},
			}})
		}
	}
	return c
}

// TestTransactionsAreTheirOperations holds that a transaction which succeeds leaves what its operations leave as commands of their own, one after
// the other, and fails exactly with those that fail so.
func TestTransactionsAreTheirOperations(t *testing.T) {
	tried, succeeded := 0, 0
	for seed := range int64(12) {
		whole := New()
		for _, e := range history(seed+2000, 400) {
			c, ok := e.Command.(*cluster.Transaction)
			if !ok {
				whole.Apply([]Entry{e})
				continue
			}
			steps := restored(t, whole)
			var want []int
			for i := range c.Operations {
				if !alone(steps, e, &c.Operations[i]) {
					want = append(want, i)
				}
			}
			result := whole.Apply([]Entry{e})[0].Value.(*cluster.TransactionResult)
			var got []int
			for _, x := range result.Errors {
				got = append(got, x.Operation)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, index %d: operations %v failed, alone %v do: %+v", seed, e.Index, got, want, result)
			}
			if tried++; want != nil {
				continue
			}
			succeeded++
			if a, b := records(t, whole), records(t, steps); !reflect.DeepEqual(a, b) {
				t.Fatalf("seed %d, index %d: a transaction left other records than its operations:\n%s", seed, e.Index, difference(a, b))
			}
		}
	}
	if succeeded < 50 || tried-succeeded < 50 {
		t.Errorf("%d transactions succeeded and %d failed: the test says too little", succeeded, tried-succeeded)
	}
}

// alone does an operation with commands that have nothing to do with transactions, and reports whether it succeeds.
func alone(s *Store, e Entry, o *cluster.Operation) bool {
	apply := func(c cluster.Command) bool {
		r := s.Apply([]Entry{{Index: e.Index, Time: e.Time, Command: c}})[0]
		return r.Err == nil && r.Value != false
	}
	v := s.View()
	switch {
	case o.KV != nil:
		had := v.KVGet(o.KV.Entry.Key)
		switch o.KV.Verb {
		case cluster.KVGet:
			return had != nil
		case cluster.KVGetOrEmpty, cluster.KVGetTree:
			return true
		case cluster.KVCheckIndex:
			return had != nil && had.ModifyIndex == o.KV.Entry.ModifyIndex
		case cluster.KVCheckSession:
			return had != nil && had.Session == o.KV.Entry.Session
		case cluster.KVCheckNotExists:
			return had == nil
		}
		return apply(&cluster.KVWrite{Verb: o.KV.Verb, Entry: o.KV.Entry})
	case o.Node != nil:
		n := o.Node.Node
		had, byID := v.Node(n.Name), v.NodeByID(n.ID)
		if o.Node.Verb == cluster.CatalogGet && n.ID != "" || n.Name == "" {
			had = byID
		}
		var index uint64
		remove := &cluster.Deregister{Node: n.Name}
		if had != nil {
			index, remove.Node = had.ModifyIndex, had.Name
		}
		return verbAlone(o.Node.Verb, n.ModifyIndex, index, apply, &cluster.Register{Node: n}, remove)
	case o.Service != nil:
		x, index := o.Service.Service, uint64(0)
		if x.ID == "" {
			x.ID = x.Name
		}
		for _, had := range v.NodeServices(x.Node) {
			if sameFold(had.ID, x.ID) {
				index = had.ModifyIndex
			}
		}
		return verbAlone(o.Service.Verb, x.ModifyIndex, index, apply, onKnown(v, x.Node, &cluster.Register{Service: &x}),
			&cluster.Deregister{Node: x.Node, ServiceID: x.ID})
	}
	x, index := o.Check.Check, uint64(0)
	for _, had := range v.NodeChecks(x.Node) {
		if sameFold(had.ID, x.ID) {
			index = had.ModifyIndex
		}
	}
	return verbAlone(o.Check.Verb, x.ModifyIndex, index, apply, onKnown(v, x.Node, &cluster.Register{Checks: []*cluster.Check{&x}}),
		&cluster.Deregister{Node: x.Node, CheckID: x.ID})
}

// onKnown registers something on a node as it is; a node that is not there makes it a registration that is refused.
func onKnown(v *View, node string, c *cluster.Register) cluster.Command {
	if v.Node(node) != nil {
		c.Node.Name, c.SkipNodeUpdate = node, true
	}
	return c
}

func verbAlone(verb cluster.CatalogVerb, want, had uint64, apply func(cluster.Command) bool, set, remove cluster.Command) bool {
	switch verb {
	case cluster.CatalogGet:
		return had != 0
	case cluster.CatalogSet:
		return apply(set)
	case cluster.CatalogCAS:
		return had == want && apply(set)
	case cluster.CatalogDelete:
		return apply(remove)
	case cluster.CatalogDeleteCAS:
		return had != 0 && had == want && apply(remove)
	}
	return false
}
