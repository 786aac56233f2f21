package local

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// touched counts what commands write of services and checks, and what they remove.
func touched(cmds []cluster.Command) (services, checks, removed int) {
	for _, c := range cmds {
		switch c := c.(type) {
		case *cluster.Register:
			if c.Service != nil {
				services++
			}
			checks += len(c.Checks)
		case *cluster.Deregister:
			removed++
		}
	}
	return services, checks, removed
}

// TestThousandServices registers a thousand services with a check each, changes the catalog behind the agent's back and restarts the agent: what
// is written is what differs, and nothing else; the checks keep their states.
func TestThousandServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		id := func(i int) string { return fmt.Sprintf("s%03d", i) }
		status := func(i int) cluster.Status {
			return []cluster.Status{cluster.Passing, cluster.Warning, cluster.Critical}[i%3]
		}
		dir := t.TempDir()
		f := newFakeCatalog()
		f.behind(t, registered())
		wants := func(what string, services, checks, removed int) {
			t.Helper()
			if s, c, r := touched(f.commits()); s > services || c > checks || r > removed {
				t.Errorf("%s: %d services and %d checks were written and %d removed, want at most %d, %d and %d", what, s, c, r, services, checks, removed)
			}
			v := f.leader.View()
			if got := len(v.NodeServices("n1")); got != n+1 {
				t.Errorf("%s: the catalog has %d services, want %d and the leader's", what, got, n)
			}
			for i := range n {
				if c := v.NodeCheck("n1", "c"+id(i)); c == nil || c.Status != status(i) || c.Output != id(i) {
					t.Fatalf("%s: check %d is %+v, want %s", what, i, c, status(i))
				}
			}
		}
		first := newRegistry(f, Options{Dir: dir})
		inRun(t, first, f, func() {
			must(t, first.Replace(nil, nil))
			settle(t, first)
			for i := range n {
				must(t, first.RegisterService(service(id(i), ttl("c"+id(i)))))
				must(t, first.UpdateTTL("c"+id(i), status(i), id(i)))
			}
			wait(2 * DefaultOutputInterval) // an output alone is not written at once
			wants("registered", n, 2*n, 0)  // at most twice a check: as it is registered, and with its result
			for i := range 10 {
				f.behind(t, &cluster.Deregister{Node: "n1", ServiceID: id(i)})
				f.behind(t, &cluster.Register{Node: self, Service: &cluster.Service{ID: id(100 + i), Name: "other", Port: 1, Weights: cluster.DefaultWeights}})
				f.behind(t, &cluster.Register{Node: self, Checks: []*cluster.Check{{ID: "c" + id(200+i), Name: "c", ServiceID: id(200 + i), Status: cluster.Critical, Output: "lie"}}})
				f.behind(t, &cluster.Register{Node: self, Service: &cluster.Service{ID: fmt.Sprint("stranger", i), Name: "stranger", Weights: cluster.DefaultWeights}})
			}
			f.commits()
			settle(t, first)
			wants("changed behind its back", 20, 30, 10) // each change finds the agent awake
			wait(time.Minute)
			wants("left alone", 0, 0, 0)
		})
		second := newRegistry(f, Options{Dir: dir})
		must(t, second.Load())
		inRun(t, second, f, func() {
			must(t, second.Replace(nil, nil))
			settle(t, second)
			wants("restarted", 0, 0, 0)
			for i := range n {
				if c := second.Checks()["c"+id(i)]; c.Status != status(i) {
					t.Fatalf("the restarted agent says %s of check %d, want %s", c.Status, i, status(i))
				}
			}
		})
		f.behind(t, &cluster.Deregister{Node: "n1", ServiceID: id(7)}) // while it is down
		f.commits()
		third := newRegistry(f, Options{Dir: dir})
		must(t, third.Load())
		inRun(t, third, f, func() {
			must(t, third.Replace(nil, nil))
			settle(t, third)
			if s, c, r := touched(f.commits()); s != 1 || c > 1 || r > 0 {
				t.Errorf("after a restart %d services and %d checks were written and %d removed, want the one that was gone", s, c, r)
			}
			if c := f.leader.View().NodeCheck("n1", "c"+id(7)); c == nil || c.Status != cluster.Critical {
				t.Errorf("the check that was gone with its state is %+v, want critical until somebody says otherwise", c)
			}
		})
	})
}
