package state

import (
	"testing"

	"holdfast/cluster"
)

// TestFromInstances holds that what was made of a service's instances is kept exactly until something about them changes.
func TestFromInstances(t *testing.T) {
	type key struct{ what string }
	s := New()
	apply := func(index uint64, cmd cluster.Command) {
		t.Helper()
		if r := s.Apply([]Entry{{Index: index, Command: cmd}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	built := 0
	count := func(service, what string, keep bool) int {
		return s.View().FromInstances(service, key{what}, func(all []Instance) (any, bool) { built++; return len(all), keep }).(int)
	}
	node := cluster.Node{Name: "n1", Address: "10.0.0.1"}
	register := func(name string, status cluster.Status) *cluster.Register {
		return &cluster.Register{
			Node: node, SkipNodeUpdate: true, Service: &cluster.Service{ID: name, Name: name},
			Checks: []*cluster.Check{{ID: "check:" + name, Name: "c", Status: status, ServiceID: name}},
		}
	}
	apply(1, &cluster.Register{Node: node})
	apply(2, register("web", cluster.Passing))
	for _, step := range []struct {
		what           string
		change         cluster.Command
		service, key   string
		keep           bool
		want, building int
	}{
		{"the first time", nil, "web", "a", true, 1, 1},
		{"again, in other letters", nil, "WEB", "a", true, 1, 1},
		{"another key", nil, "web", "b", false, 1, 2},
		{"not kept", nil, "web", "b", false, 1, 3},
		{"another service has changed", register("db", cluster.Passing), "web", "a", true, 1, 3},
		{"a check has changed", register("web", cluster.Critical), "web", "a", true, 1, 4},
		{"the node has changed", &cluster.Register{Node: cluster.Node{Name: "n1", Address: "10.0.0.2"}}, "web", "a", true, 1, 5},
		{"an instance is gone", &cluster.Deregister{Node: "n1", ServiceID: "web"}, "web", "a", true, 0, 6},
		{"nothing is kept of what does not exist", nil, "web", "a", true, 0, 7},
	} {
		if step.change != nil {
			apply(s.AppliedIndex()+1, step.change)
		}
		if got := count(step.service, step.key, step.keep); got != step.want || built != step.building {
			t.Errorf("%s: %d instances, built %d times; want %d and %d", step.what, got, built, step.want, step.building)
		}
	}
	v := s.WatchView()
	v.FromInstances("db", key{"a"}, func([]Instance) (any, bool) { return nil, false })
	if v.Index() != 5 {
		t.Errorf("the answer has index %d, want that of its node, 5", v.Index())
	}
}
