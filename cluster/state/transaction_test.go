package state

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// The operations that most tests need.

func kvOp(v cluster.KVVerb, key, value string) cluster.Operation {
	return cluster.Operation{KV: &cluster.KVOperation{Verb: v, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}}}
}

func kvOpAt(v cluster.KVVerb, key string, index uint64) cluster.Operation {
	return cluster.Operation{KV: &cluster.KVOperation{Verb: v, Entry: cluster.KVEntry{Key: key, ModifyIndex: index}}}
}

func kvOpBy(v cluster.KVVerb, key, session string) cluster.Operation {
	return cluster.Operation{KV: &cluster.KVOperation{Verb: v, Entry: cluster.KVEntry{Key: key, Session: session}}}
}

func nodeOp(v cluster.CatalogVerb, n cluster.Node) cluster.Operation {
	return cluster.Operation{Node: &cluster.NodeOperation{Verb: v, Node: n}}
}

func serviceOp(v cluster.CatalogVerb, s cluster.Service) cluster.Operation {
	return cluster.Operation{Service: &cluster.ServiceOperation{Verb: v, Service: s}}
}

func checkOp(v cluster.CatalogVerb, c cluster.Check) cluster.Operation {
	return cluster.Operation{Check: &cluster.CheckOperation{Verb: v, Check: c}}
}

func txn(ops ...cluster.Operation) *cluster.Transaction {
	return &cluster.Transaction{Operations: ops}
}

// transact applies a transaction and gives its rows, each as one word, or its errors.
func (w *world) transact(ops ...cluster.Operation) (rows []string, failed []cluster.OperationError) {
	w.t.Helper()
	before := records(w.t, w.Store)
	r := w.do(txn(ops...)).(*cluster.TransactionResult)
	if len(r.Errors) > 0 && (r.Rows != nil || !sameRecords(before, records(w.t, w.Store))) {
		w.t.Errorf("a transaction failed with %v and left a trace, or rows %v", r.Errors, r.Rows)
	}
	for _, row := range r.Rows {
		rows = append(rows, word(row))
	}
	return rows, r.Errors
}

func word(r cluster.TransactionRow) string {
	switch {
	case r.KV != nil:
		return r.KV.Key + "=" + string(r.KV.Value)
	case r.Node != nil:
		return r.Node.Name + "@" + r.Node.Address
	case r.Service != nil:
		return r.Service.Node + "/" + r.Service.ID + ":" + r.Service.Name
	case r.Check != nil:
		return r.Check.Node + "/" + r.Check.ID + "=" + string(r.Check.Status)
	}
	return "nothing"
}

func TestTransaction(t *testing.T) {
	n1, n9 := cluster.Node{Name: "n1"}, cluster.Node{Name: "n9", Address: "10.0.0.9", ID: "id-9"}
	web := cluster.Service{Node: "n1", ID: "web", Name: "web"}
	disk := cluster.Check{Node: "n1", ID: "disk", Name: "Disk", Status: cluster.Warning}
	for _, c := range []struct {
		name string
		ops  []cluster.Operation
		rows string // what each answers
		errs string // or the beginnings of the errors
	}{
		{"nothing", nil, "", ""},
		{"later operations see earlier ones", []cluster.Operation{kvOp("set", "k", "1"), kvOp("get", "k", ""), kvOp("set", "k", "2"), kvOp("get", "k", "")}, "k= k=1 k= k=2", ""},
		{"what is written may be deleted", []cluster.Operation{kvOp("set", "k", "1"), kvOp("delete", "k", ""), kvOp("check-not-exists", "k", "")}, "k=", ""},
		{"get", []cluster.Operation{kvOp("get", "b", ""), kvOp("get-or-empty", "none", "x"), kvOp("get-tree", "a", ""), kvOp("get-tree", "none", "")}, "b=1 none= a/b=1", ""},
		{"get fails", []cluster.Operation{kvOp("set", "b", "2"), kvOp("get", "none", "")}, "", `1:key "none" doesn't exist`},
		{
			"every error is told",
			[]cluster.Operation{kvOp("get", "none", ""), kvOp("set", "b", "2"), kvOpAt("cas", "b", 1), kvOp("frob", "b", "")},
			"", `0:key "none"|2:failed to set key "b", index is stale|3:unknown KV verb "frob"`,
		},
		{"cas", []cluster.Operation{kvOpAt("cas", "b", 11), kvOpAt("cas", "new", 0)}, "b= new=", ""},
		{"cas of what a step before wrote", []cluster.Operation{kvOp("set", "new", "1"), kvOpAt("cas", "new", 0)}, "", "1:failed to set"},
		{"delete-cas", []cluster.Operation{kvOpAt("delete-cas", "b", 11), kvOpAt("delete-cas", "none", 3), kvOp("get-tree", "b", "")}, "", ""},
		{"delete-cas fails", []cluster.Operation{kvOpAt("delete-cas", "b", 3)}, "", `0:failed to delete key "b", index is stale`},
		{"delete-tree", []cluster.Operation{kvOp("delete-tree", "", ""), kvOp("get-or-empty", "x", "")}, "x=", ""},
		{"check-index", []cluster.Operation{kvOpAt("check-index", "b", 11)}, "b=", ""},
		{
			"check-index fails",
			[]cluster.Operation{kvOpAt("check-index", "b", 3), kvOpAt("check-index", "none", 0)},
			"",
			`0:failed index check for key "b", current modify index 11 != 3|1:failed to check index, key "none" doesn't exist`,
		},
		{"check-session", []cluster.Operation{kvOpBy("check-session", "x", "s1"), kvOpBy("check-session", "b", "")}, "x= b=", ""},
		{
			"check-session fails",
			[]cluster.Operation{kvOpBy("check-session", "x", ""), kvOpBy("check-session", "none", "")},
			"",
			`0:failed session check for key "x", current session "s1" != ""|1:failed to check session, key "none" doesn't exist`,
		},
		{"check-not-exists", []cluster.Operation{kvOp("check-not-exists", "none", "")}, "", ""},
		{"check-not-exists fails", []cluster.Operation{kvOp("check-not-exists", "b", "")}, "", `0:key "b" exists`},
		{"lock", []cluster.Operation{kvOpBy("lock", "b", "s1"), kvOpBy("check-session", "b", "s1"), kvOpBy("unlock", "b", "s1"), kvOpBy("unlock", "x", "s1")}, "b= b= b= x=", ""},
		{
			"lock fails",
			[]cluster.Operation{kvOpBy("lock", "b", "s9"), kvOpBy("lock", "b", ""), kvOpBy("unlock", "b", "s1"), kvOpBy("unlock", "b", "")},
			"", `0:invalid session "s9"|1:missing session|2:failed to unlock key "b", lock isn't held|3:missing session`,
		},
		{"no key", []cluster.Operation{kvOp("set", "", ""), kvOp("get", "", ""), kvOp("get-tree", "", "")}, "", "0:Must provide key|1:Must provide key|2:Must provide key"},
		{"a value too large", []cluster.Operation{kvOp("set", "b", strings.Repeat("x", cluster.MaxValueSize+1))}, "", `0:the value of key "b" has 524289 bytes`},

		{"node", []cluster.Operation{nodeOp("set", n9), nodeOp("get", cluster.Node{Name: "N9"}), nodeOp("get", cluster.Node{ID: "ID-9", Name: "n1"})}, "n9@10.0.0.9 n9@10.0.0.9 n9@10.0.0.9", ""},
		{"node cas", []cluster.Operation{nodeOp("cas", n9), nodeOp("cas", cluster.Node{Name: "n1", Address: "10.0.0.2", ModifyIndex: 12})}, "n9@10.0.0.9 n1@10.0.0.2", ""},
		{"node cas fails", []cluster.Operation{nodeOp("cas", cluster.Node{Name: "n1", Address: "10.0.0.2"})}, "", `0:failed to set node "n1", index is stale`},
		{"node delete", []cluster.Operation{nodeOp("delete", n1), nodeOp("delete", n9), serviceOp("get", web)}, "", `2:service "web" on node "n1" doesn't exist`},
		{"node delete by ID", []cluster.Operation{nodeOp("set", n9), nodeOp("delete", cluster.Node{ID: "id-9"}), nodeOp("get", n9)}, "", `2:node "n9" doesn't exist`},
		{"node delete-cas", []cluster.Operation{nodeOp("delete-cas", cluster.Node{Name: "n1", ModifyIndex: 12})}, "", ""},
		{
			"node fails",
			[]cluster.Operation{nodeOp("get", n9), nodeOp("delete-cas", n1), nodeOp("delete-cas", n9), nodeOp("set", cluster.Node{Address: "x"}), nodeOp("delete", cluster.Node{}), nodeOp("frob", n1), nodeOp("get", cluster.Node{ID: "none"})},
			"", `0:node "n9" doesn't exist|1:failed to delete node "n1"|2:failed to delete node "n9"|3:Must provide node name|4:Must provide node|5:unknown Node verb "frob"|6:node "none"`,
		},

		{"service", []cluster.Operation{serviceOp("set", cluster.Service{Node: "n1", Name: "new"}), serviceOp("get", cluster.Service{Node: "N1", Name: "new"}), serviceOp("get", web)}, "n1/new:new n1/new:new n1/web:web", ""},
		{"service on a new node", []cluster.Operation{nodeOp("set", n9), serviceOp("set", cluster.Service{Node: "n9", Name: "new"}), checkOp("set", cluster.Check{Node: "n9", Name: "c", ServiceID: "new"})}, "n9@10.0.0.9 n9/new:new n9/c=critical", ""},
		{"service cas", []cluster.Operation{serviceOp("cas", cluster.Service{Node: "n1", Name: "new"}), serviceOp("cas", cluster.Service{Node: "n1", ID: "web", Name: "www", ModifyIndex: 13})}, "n1/new:new n1/web:www", ""},
		{"service delete", []cluster.Operation{serviceOp("delete", web), serviceOp("delete", web), checkOp("get", cluster.Check{Node: "n1", ID: "service:web"})}, "", `2:check "service:web" on node "n1" doesn't exist`},
		{"service delete-cas", []cluster.Operation{serviceOp("delete-cas", cluster.Service{Node: "n1", ID: "web", ModifyIndex: 13})}, "", ""},
		{"service fails", []cluster.Operation{
			serviceOp("get", cluster.Service{Node: "n1", ID: "none"}), serviceOp("cas", web), serviceOp("delete-cas", web), serviceOp("set", cluster.Service{Node: "n9", Name: "new"}),
			serviceOp("delete", cluster.Service{Node: "n1"}), serviceOp("set", cluster.Service{Node: "n1", ID: "x"}), serviceOp("frob", web),
		}, "", `0:service "none" on node "n1" doesn't exist|1:failed to set service "web" on node "n1", index is stale|2:failed to delete service "web"|3:Missing node registration|` +
			`4:Must provide service ID|5:Must provide service name|6:unknown Service verb "frob"`},

		{"check", []cluster.Operation{checkOp("set", disk), checkOp("get", disk), checkOp("get", cluster.Check{Node: "n1", ID: "serfhealth"})}, "n1/disk=warning n1/disk=warning n1/serfHealth=passing", ""},
		{"check cas", []cluster.Operation{checkOp("cas", disk), checkOp("cas", cluster.Check{Node: "n1", ID: "serfHealth", Status: cluster.Critical, ModifyIndex: 12})}, "n1/disk=warning n1/serfHealth=critical", ""},
		{"check delete", []cluster.Operation{checkOp("delete", cluster.Check{Node: "n1", ID: "serfHealth"}), checkOp("delete", disk)}, "", ""},
		{"check delete-cas", []cluster.Operation{checkOp("delete-cas", cluster.Check{Node: "n1", ID: "serfHealth", ModifyIndex: 12})}, "", ""},
		{"check fails", []cluster.Operation{
			checkOp("get", disk), checkOp("cas", cluster.Check{Node: "n1", ID: "serfHealth"}), checkOp("delete-cas", disk), checkOp("set", cluster.Check{Node: "n9", ID: "c"}),
			checkOp("set", cluster.Check{Node: "n1"}), checkOp("delete", cluster.Check{Node: "n1"}), checkOp("set", cluster.Check{Node: "n1", ID: "c", ServiceID: "none"}), checkOp("frob", disk),
		}, "", `0:check "disk" on node "n1" doesn't exist|1:failed to set check "serfHealth" on node "n1", index is stale|2:failed to delete check "disk"|3:Missing node registration|` +
			`4:a check of node "n1" has neither|5:Must provide check ID|6:unknown service ID "none"|7:unknown Check verb "frob"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := settled(t)
			rows, failed := w.transact(c.ops...)
			if got := strings.Join(rows, " "); got != c.rows {
				t.Errorf("rows %q, want %q", got, c.rows)
			}
			var want []string
			if c.errs != "" {
				want = strings.Split(c.errs, "|")
			}
			if len(failed) != len(want) {
				t.Fatalf("errors %+v, want %q", failed, want)
			}
			for i, e := range failed {
				at, what, _ := strings.Cut(want[i], ":")
				if string(rune('0'+e.Operation)) != at || !strings.HasPrefix(e.What, what) {
					t.Errorf("error %+v, want %q", e, want[i])
				}
			}
		})
	}
}

// TestTransactionInABatch holds that a transaction which fails undoes its own writes, not those of its neighbours in the batch.
func TestTransactionInABatch(t *testing.T) {
	s := New()
	got := s.Apply([]Entry{
		{Index: 3, Command: set("before", "1")},
		{Index: 4, Command: txn(kvOp("set", "before", "2"), kvOp("set", "in", "1"), kvOp("get", "none", ""))},
		{Index: 5, Command: set("between", "1")},
		{Index: 6, Command: txn(kvOp("set", "good", "1"), kvOp("get", "before", ""))},
		{Index: 7, Command: txn(kvOp("delete-tree", "", ""), kvOp("get", "none", ""))},
		{Index: 8, Command: set("after", "1")},
	})
	for i, failed := range []bool{false, true, false, false, true, false} {
		if r, ok := got[i].Value.(*cluster.TransactionResult); got[i].Err != nil || ok && (len(r.Errors) > 0) != failed {
			t.Errorf("result %d: %+v, %v", i, got[i].Value, got[i].Err)
		}
	}
	v := s.View()
	if keys := v.KVKeys("", ""); !reflect.DeepEqual(keys, []string{"after", "before", "between", "good"}) || string(v.KVGet("before").Value) != "1" {
		t.Errorf("keys %v, before is %q", keys, v.KVGet("before").Value)
	}
	if s.AppliedIndex() != 8 {
		t.Errorf("applied index %d", s.AppliedIndex())
	}
}

// TestFailedTransactionWakesNobody holds that a reader does not even look again.
func TestFailedTransactionWakesNobody(t *testing.T) {
	w := settled(t)
	v := w.WatchView()
	v.KVGet("b")
	v.Nodes()
	w.transact(kvOp("set", "b", "2"), nodeOp("delete", cluster.Node{Name: "n1"}), kvOp("get", "none", ""))
	for _, watch := range v.r.watches {
		if isClosed(watch.changed) {
			t.Errorf("whoever waits for %q in %s woke", watch.key, watch.table)
		}
	}
}

func TestTransactionAnswersNoMoreThanTravels(t *testing.T) {
	w := newWorld(t)
	const n = cluster.MaxTransactionAnswer/cluster.MaxValueSize + 1
	for i := range n {
		w.do(set("k"+string(rune('a'+i)), strings.Repeat("x", cluster.MaxValueSize)))
	}
	_, failed := w.transact(kvOp("get-tree", "k", ""), kvOp("set", "k", ""))
	if len(failed) == 0 || failed[0].Operation != 0 || !strings.HasPrefix(failed[0].What, "the answer exceeds 16777216 bytes") {
		t.Errorf("errors %+v", failed)
	}
	read := txn(kvOp("get-tree", "k", ""))
	if r := w.View().Transact(read); len(r.Rows) != n {
		t.Errorf("a read has %d rows and the errors %v", len(r.Rows), r.Errors)
	}
	for len(read.Operations) < cluster.MaxTransactionRead/cluster.MaxTransactionAnswer {
		read.Operations = append(read.Operations, read.Operations[0])
	}
	if r := w.View().Transact(read); r.Rows != nil || len(r.Errors) != 1 || r.Errors[0].Operation != len(read.Operations)-1 {
		t.Errorf("a read that asks for the same again and again has %d rows and the errors %v", len(r.Rows), r.Errors)
	}
}

func TestTransactionIsRefused(t *testing.T) {
	w := settled(t)
	ops := make([]cluster.Operation, cluster.MaxOperations+1)
	for i := range ops {
		ops[i] = kvOp("set", "k", "")
	}
	w.refused(txn(ops...), cluster.TooLarge, "Transaction contains too many operations (129 > 128)")
	w.refused(txn(cluster.Operation{}), cluster.Invalid, "operation 0 of the transaction gives 0 of")
	both := kvOp("set", "k", "")
	both.Node = &cluster.NodeOperation{}
	w.refused(txn(kvOp("set", "k", ""), both), cluster.Invalid, "operation 1 of the transaction gives 2 of")
	w.transact(ops[1:]...)
}

// TestTransactReads holds that a transaction that only reads answers from a View, with the index and the watches of what it read.
func TestTransactReads(t *testing.T) {
	w := settled(t)
	v := w.WatchView()
	r := v.Transact(txn(kvOp("get", "b", ""), nodeOp("get", cluster.Node{Name: "n1"}), kvOp("get-or-empty", "later", "")))
	if len(r.Rows) != 3 || r.Errors != nil || word(r.Rows[0]) != "b=1" {
		t.Errorf("%+v", r)
	}
	if v.Index() < 12 || v.r.moved() {
		t.Errorf("index %d, moved %v", v.Index(), v.r.moved())
	}
	w.do(set("later", "1"))
	if !v.r.moved() {
		t.Error("the reader did not wake")
	}
	for _, write := range []cluster.Operation{
		kvOp("set", "b", "2"), kvOp("cas", "b", ""), kvOp("lock", "b", ""), kvOp("unlock", "b", ""), kvOp("delete", "b", ""), kvOp("delete-cas", "b", ""), kvOp("delete-tree", "b", ""),
		nodeOp("set", cluster.Node{}), serviceOp("cas", cluster.Service{}), checkOp("delete", cluster.Check{}), nodeOp("delete-cas", cluster.Node{}),
	} {
		c := txn(write)
		if r := w.View().Transact(c); !c.Writes() || len(r.Errors) != 1 {
			t.Errorf("%+v was done as a read: %+v", write, r)
		}
	}
}

// TestLockInATransaction holds that a lock is refused while another session has it, and for as long as its delay runs.
func TestLockInATransaction(t *testing.T) {
	w := settled(t)
	w.do(session("s3", "n1"))
	if _, failed := w.transact(kvOpBy("lock", "x", "s3")); len(failed) != 1 || failed[0].What != `failed to lock key "x", lock is already held` {
		t.Errorf("errors %+v", failed)
	}
	w.do(&cluster.SessionDestroy{ID: "s1"})
	if _, failed := w.transact(kvOpBy("lock", "x", "s3")); len(failed) != 1 || !strings.HasPrefix(failed[0].What, `failed to lock key "x" due to lock delay until 2026-01-02T03:04:20Z`) {
		t.Errorf("errors %+v", failed)
	}
	w.now = w.now.Add(16 * time.Second)
	if rows, failed := w.transact(kvOpBy("lock", "x", "s3")); len(rows) != 1 || failed != nil {
		t.Errorf("rows %v, errors %v", rows, failed)
	}
}
