package state

import (
	"testing"
	"time"

	"holdfast/cluster"
)

// world is a store and the clock and index of its leader.
type world struct {
	*Store
	t     testing.TB
	index uint64
	now   time.Time
}

func newWorld(t testing.TB) *world {
	return &world{Store: New(), t: t, index: 9, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// try applies one command at the next index.
func (w *world) try(c cluster.Command) (any, error) {
	w.t.Helper()
	w.index++
	r := w.Apply([]Entry{{Index: w.index, Time: w.now, Command: c}})
	return r[0].Value, r[0].Err
}

// do applies one command, which must succeed, and gives its result.
func (w *world) do(c cluster.Command) any {
	w.t.Helper()
	v, err := w.try(c)
	if err != nil {
		w.t.Fatalf("%T at index %d: %v", c, w.index, err)
	}
	return v
}

func TestInstanceCarriesNodeAndChecks(t *testing.T) {
	w := newWorld(t)
	w.do(&cluster.Register{
		Node:    cluster.Node{Name: "N1", Address: "10.0.0.1"},
		Service: &cluster.Service{ID: "web-1", Name: "Web", Port: 80},
		Checks: []*cluster.Check{
			{ID: "zz", Status: cluster.Passing, Name: "of the node"},
			{ID: "aa", Status: cluster.Passing, Name: "of the instance", ServiceID: "web-1"},
		},
	})
	v := w.View()
	got := v.ServiceInstances("wEB")
	if len(got) != 1 || got[0].Node.Name != "N1" || got[0].Service.ID != "web-1" {
		t.Fatalf("instances of Web: %+v", got)
	}
	if c := got[0].Checks; len(c) != 2 || c[0].ID != "zz" || c[1].ID != "aa" || c[1].ServiceName != "Web" {
		t.Errorf("checks: %+v", c)
	}
	if v.Index() != 10 {
		t.Errorf("index %d, want 10", v.Index())
	}
}
