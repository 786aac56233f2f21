package local

import (
	"testing"
	"testing/synctest"

	"holdfast/cluster"
)

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
