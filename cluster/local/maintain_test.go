package local

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"holdfast/cluster"
)

func TestMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		must(t, r.RegisterService(service("web", ttl("a"))))
		must(t, r.Maintain("web", "new disk", ""))
		must(t, r.Maintain("", "", ""))
		must(t, r.Maintain("web", "another reason", ""))
		settle(t, r)
		wantHolds(t, f, "consul; web; _node_maintenance=critical; _service_maintenance:web=critical; a=critical; serfHealth=passing")
		checks := map[string]*cluster.Check{}
		for _, c := range f.leader.View().NodeChecks("n1") {
			checks[c.ID] = c
		}
		web := checks["_service_maintenance:web"]
		if web.Notes != "new disk" || web.Name != "Service Maintenance Mode" || web.Type != "maintenance" || web.ServiceID != "web" || web.ServiceName != "web" {
			t.Errorf("the service's check is %+v", web)
		}
		if n := checks["_node_maintenance"]; !strings.HasPrefix(n.Notes, "Maintenance mode is enabled for this node") || n.Name != "Node Maintenance Mode" || n.ServiceID != "" {
			t.Errorf("the node's check is %+v", n)
		}
		must(t, r.EndMaintenance("web"))
		must(t, r.EndMaintenance("web"))
		must(t, r.EndMaintenance(""))
		settle(t, r)
		wantHolds(t, f, "consul; web; a=critical; serfHealth=passing")
	})
}

func TestMaintenanceRefused(t *testing.T) {
	r := newRegistry(newFakeCatalog(), Options{})
	for _, err := range []error{r.Maintain("nope", "", ""), r.EndMaintenance("nope")} {
		if cluster.CodeOf(err) != cluster.NotFound || !strings.Contains(err.Error(), `"nope"`) {
			t.Errorf("got %v, want that there is no such service", err)
		}
	}
	must(t, r.Maintain("", "", ""))
	if err := r.UpdateTTL(cluster.NodeMaintenance, cluster.Passing, ""); cluster.CodeOf(err) != cluster.Invalid {
		t.Errorf("a program updates maintenance: %v", err)
	}
}

// TestMaintenanceOfAConfigsService restarts an agent whose service a config file registers: the maintenance that came by the API counts
// from the start, and goes with the service.
func TestMaintenanceOfAConfigsService(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registrations")
	web := []Registration{{Service: cluster.Service{Name: "web"}}}
	r, _ := restart(t, dir)
	must(t, r.Replace(web, nil))
	must(t, r.Maintain("web", "new disk", ""))
	for range 2 {
		r, _ = restart(t, dir)
		must(t, r.Replace(web, nil))
		if got := has(r); got != "web | _service_maintenance:web@web" {
			t.Errorf("after a restart %q", got)
		}
	}
	must(t, r.Replace(nil, nil))
	if got := has(r); got != " | " {
		t.Errorf("without the service %q", got)
	}
}

// TestChanged holds what wakes those who wait for a change of the registrations.
func TestChanged(t *testing.T) {
	r := newRegistry(newFakeCatalog(), Options{})
	wakes := func(what string, want bool, do func() error) {
		t.Helper()
		changed := r.Changed()
		must(t, do())
		select {
		case <-changed:
			if !want {
				t.Errorf("%s wakes", what)
			}
		default:
			if want {
				t.Errorf("%s does not wake", what)
			}
		}
	}
	wakes("a registration", true, func() error { return r.RegisterService(service("web", ttl("a"))) })
	wakes("a result", false, func() error { return r.UpdateTTL("a", cluster.Passing, "") })
	wakes("maintenance", true, func() error { return r.Maintain("web", "", "") })
	wakes("a deregistration", true, func() error { return r.DeregisterService("web") })
}
