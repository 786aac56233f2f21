package state

import (
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// anyCommand draws a command from a world so small that commands keep meeting one another.
func anyCommand(rnd *rand.Rand) cluster.Command {
	one := func(of ...string) string { return of[rnd.Intn(len(of))] }
	name := func() string { return one("n1", "n2", "N2", "n3") }
	svc := func() string { return one("web", "db", "Web") }
	check := func() string { return one(cluster.SerfHealth, "service:web", "service:db", "disk") }
	id := func() string { return one("s1", "s2", "s3") }
	key := func() string { return one("a", "a/b", "a/b/c", "b", "b/c", "") }
	status := func() cluster.Status {
		return []cluster.Status{cluster.Passing, cluster.Warning, cluster.Critical}[rnd.Intn(3)]
	}
	few := func(f func() string) (list []string) {
		for range rnd.Intn(3) {
			list = append(list, f())
		}
		return slices.Compact(list)
	}
	switch rnd.Intn(22) {
	case 17, 18:
		return anyTransaction(rnd)
	case 0, 1, 2, 3:
		r := node(name())
		r.Node.ID = one("", "", "id1", "id2")
		r.Node.Address = one("10.0.0.1", "10.0.0.2", "10.0.0.2", "")
		r.SkipNodeUpdate = rnd.Intn(2) == 0
		if rnd.Intn(2) == 0 {
			r.Service = &cluster.Service{ID: one("web", "db"), Name: svc(), Tags: few(func() string { return one("a", "b") })}
		}
		for _, c := range few(check) {
			r.Checks = append(r.Checks, &cluster.Check{ID: c, Status: status(), ServiceID: one("", "web", "db"), Output: one("", "x")})
		}
		return r
	case 4:
		return &cluster.Deregister{Node: name(), ServiceID: one("", "web", "web", "db"), CheckID: one("", "disk", cluster.SerfHealth)}
	case 5, 6:
		s := session(id(), name(), few(check)...)
		s.Session.Behavior = []cluster.SessionBehavior{"", cluster.SessionRelease, cluster.SessionDelete}[rnd.Intn(3)]
		s.Session.LockDelay = time.Duration(rnd.Intn(3)) * time.Second
		return s
	case 7:
		return &cluster.SessionDestroy{ID: id()}
	case 8:
		return &cluster.ReapTombstones{Index: uint64(rnd.Intn(600))}
	case 9:
		g := group(one("g", "h"), one("10.0.0.100/24", "10.0.0.101/24", "10.0.0.102/24"))
		g.Prefer = few(func() string { return one("n1", "n2") })
		return &cluster.PutGroup{Group: g, CAS: rnd.Intn(4) == 0}
	case 10:
		return &cluster.DeleteGroup{Name: one("g", "h")}
	case 11:
		return &cluster.Steer{
			Presences:   []cluster.Presence{{Node: name(), Live: rnd.Intn(2) == 0}},
			Assignments: []cluster.Assignment{{Group: one("g", "h"), Node: name(), Epoch: uint64(1 + rnd.Intn(9))}, {Group: one("g", "h"), Epoch: uint64(1 + rnd.Intn(9))}},
			Transitions: []cluster.Transition{{Kind: cluster.TransitionAssign, Group: one("g", "h")}},
		}
	case 19, 20:
		q := putQuery(one("q1", "q2", "Q1"), one("geo-x", "geo-", "b", ""), one("", "s1", "s2"))
		q.Update = rnd.Intn(2) == 0
		if rnd.Intn(2) == 0 {
			q.Query.Template.Type = cluster.TemplateByPrefix
		}
		return q
	case 21:
		if rnd.Intn(2) == 0 {
			a := autopilot(uint64(rnd.Intn(3)))
			a.ModifyIndex = uint64(rnd.Intn(2) * rnd.Intn(600))
			return &cluster.PutAutopilot{Config: a, CAS: rnd.Intn(2) == 0}
		}
		return &cluster.DeletePreparedQuery{ID: one("q1", "q2")}
	case 16:
		return coordinates(at(name(), float64(rnd.Intn(3))), at(name(), float64(rnd.Intn(3))))
	case 12:
		if rnd.Intn(2) == 0 {
			return &cluster.PlanMove{Group: one("g", "h"), Node: one("n1", "n2", ""), In: time.Duration(rnd.Intn(4)) * time.Minute}
		}
		return &cluster.Record{Transitions: []cluster.Transition{{Group: one("g", "h", "")}}}
	case 13:
		return &cluster.NameCluster{ID: one("", "id1", "id2")}
	}
	return &cluster.KVWrite{
		Verb: []cluster.KVVerb{cluster.KVSet, cluster.KVCAS, cluster.KVLock, cluster.KVLock, cluster.KVUnlock, cluster.KVDelete, cluster.KVDeleteCAS, cluster.KVDeleteTree}[rnd.Intn(8)],
		Entry: cluster.KVEntry{
			Key: key(), Value: []byte(one("1", "2")), Session: id(), ModifyIndex: uint64(rnd.Intn(2) * rnd.Intn(600)),
		},
	}
}

func history(seed int64, n int) []Entry {
	rnd := rand.New(rand.NewSource(seed))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	entries := make([]Entry, n)
	for i := range entries {
		now = now.Add(time.Duration(rnd.Intn(700)) * time.Millisecond)
		entries[i] = Entry{Index: uint64(10 + i), Time: now, Command: anyCommand(rnd)}
	}
	return entries
}

// TestBatchesDoNotMatter holds that members that cut the same log into other batches, or restore a snapshot on the way, give the same
// results and hold the same records.
func TestBatchesDoNotMatter(t *testing.T) {
	for seed := range int64(12) {
		rnd := rand.New(rand.NewSource(seed))
		log := history(seed, 500)
		one, many := New(), New()
		for at := 0; at < len(log); {
			n := min(1+rnd.Intn(20), len(log)-at)
			got := many.Apply(log[at : at+n])
			for i, e := range log[at : at+n] {
				if want := one.Apply([]Entry{e})[0]; !reflect.DeepEqual(got[i], want) {
					t.Fatalf("seed %d: the command at %d gave %+v in a batch, %+v alone", seed, e.Index, got[i], want)
				}
			}
			if at += n; rnd.Intn(5) == 0 {
				many = restored(t, many)
			}
			if a, b := records(t, one), records(t, many); !reflect.DeepEqual(a, b) {
				t.Fatalf("seed %d: at index %d the stores differ:\n%s", seed, one.AppliedIndex(), difference(a, b))
			}
		}
	}
}

func difference(a, b []any) string {
	var out strings.Builder
	for i := range max(len(a), len(b)) {
		var x, y any
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if !reflect.DeepEqual(x, y) {
			fmt.Fprintf(&out, "%T %+v\n%T %+v\n", x, x, y, y)
			break
		}
	}
	return out.String()
}

// exact are the questions whose answers hold their objects with their indexes, so that an index that moves without a change shows.
// The others share an index with more than they answer.
var exact = []string{
	"key a/b", "key none", "list a/", "list all", "list none/", "nodes", "instances of web", "instances of db", "instances of none",
	"checks of n1", "checks of n2", "checks", "critical checks", "passing checks", "session s1", "session s2", "sessions", "sessions of n1", "sessions of n2",
	"groups", "group g", "group h", "assignments", "assignment of g", "presences", "presence of n1", "presence of n2", "timeline", "timeline of g", "timeline of h",
	"coordinates", "coordinate of n1", "coordinate of n2", "queries", "query q1", "query q2",
	"the cluster ID",
}

// told is a question's last answer.
type told struct {
	view   *View
	answer any
	index  uint64
}

// TestIndexesAndWatches plays random histories and holds for every question after every command: the index never goes back; it moves
// to the command's index when the answer changes, and stays when an exact answer stays; readers wake exactly when it moves. A
// command that fails leaves no trace, and cached answers are what a fresh look gives.
func TestIndexesAndWatches(t *testing.T) {
	for seed := range int64(12) {
		s := New()
		last := map[string]told{}
		ask := func(name string) told {
			v := s.WatchView()
			a := questions[name](v)
			return told{v, a, v.Index()}
		}
		for name := range questions {
			last[name] = ask(name)
		}
		for _, e := range history(seed+1000, 500) {
			before := records(t, s)
			result := s.Apply([]Entry{e})[0]
			if _, partial := e.Command.(*cluster.Steer); failed(result) && !partial && !sameRecords(before, records(t, s)) {
				t.Fatalf("seed %d: %T failed at %d with %+v and left a trace", seed, e.Command, e.Index, result)
			}
			_, reaped := e.Command.(*cluster.ReapTombstones)
			_, several := e.Command.(*cluster.Transaction) // may make something and delete it again
			for name, old := range last {
				now := ask(name)
				if msg := judge(old, now, e.Index, reaped, !several && slices.Contains(exact, name)); msg != "" {
					t.Fatalf("seed %d: %s: after %T at %d: %s (index %d, then %d)\n%+v\n%+v", seed, name, e.Command, e.Index, msg, old.index, now.index, old.answer, now.answer)
				}
				last[name] = now
			}
			freshLook(t, s)
			noGarbage(t, s)
		}
	}
}

func failed(r Result) bool {
	t, ok := r.Value.(*cluster.TransactionResult)
	return r.Err != nil || ok && len(t.Errors) > 0
}

// judge says what is wrong with an answer after the command at index, or nothing.
func judge(old, now told, index uint64, reaped, exact bool) string {
	changed := !reflect.DeepEqual(old.answer, now.answer)
	moved := now.index != old.index
	switch {
	case now.index < old.index:
		return "the index went back"
	case reaped:
		if changed || now.index > index {
			return "forgetting tombstones changed the answer"
		}
	case changed && now.index != index:
		return "the answer changed and the index did not move to the command's"
	case moved && now.index != index:
		return "the index moved elsewhere than to the command's"
	case exact && moved && !changed:
		return "the index moved and the answer did not change"
	case moved != old.view.r.moved():
		return "readers wake, but not exactly when the index moves"
	}
	return ""
}

func sameRecords(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] { // the same pointers
			return false
		}
	}
	return true
}

// freshLook compares the instances of each service with what nodes, instances and checks say one by one.
func freshLook(t *testing.T, s *Store) {
	t.Helper()
	v := s.View()
	want := map[string][]Instance{}
	tags := map[string]bool{}
	for _, n := range v.Nodes() {
		for _, i := range v.NodeServices(n.Name) {
			var checks []*cluster.Check
			for _, of := range []string{"", i.ID} {
				for _, c := range v.NodeChecks(n.Name) {
					if c.ServiceID == of {
						checks = append(checks, c)
					}
				}
			}
			k := strings.ToLower(i.Name)
			want[k] = append(want[k], Instance{n, i, checks})
			for _, tag := range i.Tags {
				tags[k+"/"+tag] = true
			}
		}
	}
	for _, name := range []string{"web", "db", "none"} {
		if got := v.ServiceInstances(name); !reflect.DeepEqual(got, want[name]) {
			t.Fatalf("instances of %s:\n%+v, want\n%+v", name, got, want[name])
		}
	}
	services := v.Services()
	for _, sum := range services {
		k := strings.ToLower(sum.Name)
		for _, tag := range sum.Tags {
			if !tags[k+"/"+tag] {
				t.Fatalf("service %s has no instance with the tag %s", sum.Name, tag)
			}
			delete(tags, k+"/"+tag)
		}
	}
	if len(services) != len(want) || len(tags) != 0 {
		t.Fatalf("services %+v, want those of %+v; tags left out: %v", services, want, tags)
	}
}

// noGarbage holds that there are tombstones only of what does not exist, and rows of nodes and services only while they have
// something: both may grow with what there was, not with what happened.
func noGarbage(t *testing.T, s *Store) {
	t.Helper()
	v := s.View()
	for _, r := range records(t, s) {
		switch r := r.(type) {
		case *Tombstone:
			if v.r.txn.Row(r.Table, r.Key) != nil {
				t.Fatalf("there is a tombstone of something that exists: %+v", r)
			}
		case *IndexRow:
			kind, name, _ := strings.Cut(r.Name, ".")
			left := map[string]func(string) int{
				"node":          func(n string) int { return len(v.NodeServices(n)) + min(1, int(nodeIndex(v, n))) },
				"node-checks":   func(n string) int { return len(v.NodeChecks(n)) },
				"node-sessions": func(n string) int { return len(v.NodeSessions(n)) },
				"service":       func(n string) int { return len(v.ServiceInstances(n)) },
			}[kind]
			if left != nil && left(name) == 0 {
				t.Fatalf("there is a row of an empty set: %+v", r)
			}
		}
	}
}

func nodeIndex(v *View, name string) uint64 {
	if n := v.Node(name); n != nil {
		return n.ModifyIndex
	}
	return 0
}
