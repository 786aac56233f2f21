package local

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// TestAliasWaitsForTheCatalog restarts an agent whose copy of the catalog lags: an alias that passed goes on passing.
func TestAliasWaitsForTheCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := func(name string) *cluster.Service {
			return &cluster.Service{ID: name, Name: name, Weights: cluster.DefaultWeights}
		}
		passing := &cluster.Check{ID: "p", Name: "p", Type: "alias", ServiceID: "proxy", Status: cluster.Passing, Output: "All checks passing."}
		earlier := []cluster.Command{
			registered(), &cluster.Register{Node: self, Service: of("web")}, &cluster.Register{Node: self, Service: of("proxy"), Checks: []*cluster.Check{passing}},
		}
		f := newFakeCatalog()
		f.behind(t, earlier...)
		f.lag, f.copied = time.Minute, state.New() // nothing of it has arrived
		go func() {
			time.Sleep(time.Minute) //nolint:forbidigo // the clock of a bubble
			for i, cmd := range earlier {
				f.copied.Apply([]state.Entry{{Index: uint64(i + 1), Time: time.Now(), Command: cmd}})
			}
		}()
		r := newRegistry(f, Options{})
		d := cluster.CheckDefinition{ID: "p", Name: "p", Alias: &cluster.AliasCheck{Service: "web"}}
		must(t, r.Replace([]Registration{service("web"), service("proxy", d)}, nil))
		inRun(t, r, f, func() {
			wait(30 * time.Second)
			if got := f.leader.View().NodeCheck("n1", "p"); got.Status != cluster.Passing {
				t.Errorf("before the catalog has arrived the check is %s %q", got.Status, got.Output)
			}
			settle(t, r)
			wait(2 * time.Minute)
			if got := r.Checks()["p"]; got.Status != cluster.Passing {
				t.Errorf("then it is %s %q", got.Status, got.Output)
			}
		})
		for _, cmd := range f.commits() {
			if reg, ok := cmd.(*cluster.Register); ok {
				for _, c := range reg.Checks {
					if c.ID == "p" && c.Status != cluster.Passing {
						t.Errorf("the catalog was told %s %q", c.Status, c.Output)
					}
				}
			}
		}
	})
}

// TestAlias holds what an alias repeats: the worst of what it is an alias of, and never itself.
func TestAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		alias := func(id string, of cluster.AliasCheck) cluster.CheckDefinition {
			return cluster.CheckDefinition{ID: id, Name: id, Alias: &of}
		}
		must(t, r.RegisterService(service("web", ttl("a"))))
		must(t, r.RegisterService(service("proxy", alias("p", cluster.AliasCheck{Service: "WEB"}))))
		must(t, r.RegisterService(service("far", alias("f", cluster.AliasCheck{Node: "n2", Service: "db"}))))
		must(t, r.RegisterService(service("self", alias("s", cluster.AliasCheck{Service: "self"}))))
		must(t, r.RegisterService(service("lost", alias("l", cluster.AliasCheck{Service: "nowhere"}))))
		settle(t, r)
		is := func(id string, status cluster.Status, output string) {
			t.Helper()
			settle(t, r)
			if c := r.Checks()[id]; c.Status != status || c.Output != output || c.Type != "alias" {
				t.Errorf("%s: %s %q of type %s, want %s %q", id, c.Status, c.Output, c.Type, status, output)
			}
		}
		is("p", cluster.Critical, `Aliased check "a" failing: `)
		is("f", cluster.Critical, "Node n2 could not be found")
		is("s", cluster.Passing, "All checks passing.") // the node's
		is("l", cluster.Critical, "Service nowhere could not be found on node n1")
		must(t, r.UpdateTTL("a", cluster.Warning, "hm"))
		is("p", cluster.Warning, `Aliased check "a" failing: hm`)
		must(t, r.UpdateTTL("a", cluster.Passing, "fine"))
		is("p", cluster.Passing, "All checks passing.")
		if c := f.leader.View().NodeCheck("n1", "p"); c == nil || c.Status != cluster.Passing {
			t.Errorf("the catalog has %+v", c)
		}

		n2 := cluster.Node{Name: "n2", Address: "10.0.0.2"}
		f.behind(t, &cluster.Register{Node: n2})
		is("f", cluster.Critical, "Service db could not be found on node n2")
		f.behind(t, &cluster.Register{Node: n2, Service: &cluster.Service{ID: "db", Name: "db"}})
		is("f", cluster.Passing, "No checks found.")
		f.behind(t, &cluster.Register{Node: n2, Checks: []*cluster.Check{
			{ID: "other", Name: "other", Status: cluster.Critical, ServiceID: "db2"}, {ID: "disk", Name: "disk", Status: cluster.Warning, Output: "90 %"},
		}, Service: &cluster.Service{ID: "db2", Name: "db2"}})
		is("f", cluster.Warning, `Aliased check "disk" failing: 90 %`)
		must(t, r.Maintain("", "new disk", ""))
		is("p", cluster.Critical, `Aliased check "Node Maintenance Mode" failing: `)
	})
}
