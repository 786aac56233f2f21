package state

import (
	"reflect"
	"testing"
	"time"

	"holdfast/cluster"
)

// FuzzApply applies commands with any strings in them and holds that what comes of it can be read, is free of garbage, and can be
// restored: a member must never write a snapshot that it refuses.
func FuzzApply(f *testing.F) {
	f.Add("n1", "web", "c", "passing", uint64(3))
	f.Add("N1", "WEB", "n1", "", uint64(0))
	f.Add("n\x00", "ſ", "s", "critical", uint64(1)<<63)
	f.Add("\xff", "\xfe", "", "warning", uint64(1))
	f.Fuzz(func(t *testing.T, a, b, c, status string, n uint64) {
		check := cluster.Check{ID: c, Name: b, ServiceID: b, Status: cluster.Status(status)}
		commands := []cluster.Command{
			&cluster.Register{Node: cluster.Node{Name: a, ID: b, Address: c}, Service: &cluster.Service{Name: b, Tags: []string{c, a}}, Checks: []*cluster.Check{&check}},
			&cluster.Register{Node: cluster.Node{Name: b, ID: b, Address: a}, Service: &cluster.Service{ID: c, Name: a}},
			&cluster.Register{Node: cluster.Node{Name: a}, SkipNodeUpdate: true, Service: &cluster.Service{ID: a, Name: b}, Checks: []*cluster.Check{{ID: c, Status: cluster.Passing}}},
			&cluster.SessionCreate{Session: cluster.Session{ID: c, Node: a, LockDelay: time.Duration(n)}},
			&cluster.SessionCreate{Session: cluster.Session{ID: b, Node: b, NodeChecks: []string{c}, Behavior: cluster.SessionDelete}},
			&cluster.KVWrite{Verb: cluster.KVLock, Entry: cluster.KVEntry{Key: a, Session: b}},
			&cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: a + b, Flags: n}},
			&cluster.KVWrite{Verb: cluster.KVVerb(status), Entry: cluster.KVEntry{Key: c, Session: c, ModifyIndex: n}},
			&cluster.PutGroup{Group: group(a, "10.0.0.100/24")},
			&cluster.PutGroup{Group: group(c, "10.0.0.101/24")},
			&cluster.Steer{
				Presences:   []cluster.Presence{{Node: b, Unable: map[string]string{a: c}}},
				Assignments: []cluster.Assignment{{Group: a, Node: b, Epoch: 1}, {Group: b, Epoch: n}},
				Transitions: []cluster.Transition{{Group: c, Node: a}},
			},
			&cluster.PlanMove{Group: a, Node: b, In: time.Duration(n)},
			&cluster.PlanMove{Group: c, Node: status, In: time.Second},
			coordinates(at(a, float64(n)), at(b, 1), at(c, 0)),
			&cluster.NameCluster{ID: a},
			putQuery(a, b, ""),
			putQuery(b, a, c),
			updateQuery(a, c, b),
			&cluster.DeletePreparedQuery{ID: b},
			&cluster.PutAutopilot{Config: cluster.Autopilot{RedundancyZoneTag: a, MaxTrailingLogs: 1, LastContactThreshold: 1}},
			&cluster.SetCARoot{Root: cluster.CARoot{ID: a, TrustDomain: b, Cert: b}},
			&cluster.DeleteGroup{Name: c},
			&cluster.Deregister{Node: b, ServiceID: c},
			&cluster.KVWrite{Verb: cluster.KVDeleteTree, Entry: cluster.KVEntry{Key: b}},
			&cluster.Deregister{Node: c, CheckID: a},
			&cluster.SessionDestroy{ID: b},
			&cluster.ReapTombstones{Index: n},
			&cluster.Deregister{Node: a},
			txn(nodeOp("set", cluster.Node{Name: a, ID: b, Address: c}), serviceOp("set", cluster.Service{Node: a, ID: b, Name: c}), checkOp("set", cluster.Check{Node: a, ID: b, ServiceID: c})),
			txn(serviceOp("cas", cluster.Service{Node: a, ID: c, Name: b}), kvOp(cluster.KVVerb(status), a, b), kvOpAt("check-index", a, n)),
			txn(kvOp("set", a, b), kvOpBy("check-session", a, c), nodeOp("get", cluster.Node{ID: b}), nodeOp("delete-cas", cluster.Node{Name: a, ModifyIndex: n})),
			txn(checkOp(cluster.CatalogVerb(status), cluster.Check{Node: c, ID: a}), nodeOp("delete", cluster.Node{ID: b}), kvOp("get-tree", a, "")),
		}
		s := New()
		for i, command := range commands {
			s.Apply([]Entry{{Index: uint64(i + 1), Command: command}})
			noGarbage(t, s)
		}
		for _, ask := range questions {
			if v := s.View(); !reflect.DeepEqual(ask(v), ask(v)) || v.Index() > s.AppliedIndex() {
				t.Errorf("index %d after index %d was applied", v.Index(), s.AppliedIndex())
			}
		}
		if x, y := records(t, s), records(t, restored(t, s)); !reflect.DeepEqual(x, y) {
			t.Errorf("a restore differs:\n%s", difference(x, y))
		}
	})
}
