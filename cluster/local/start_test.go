package local

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// remembered is a catalog that knows a healthy service from an earlier run of the agent.
func remembered(t *testing.T) *fakeCatalog {
	t.Helper()
	f := newFakeCatalog()
	f.behind(t, registered(), &cluster.Register{
		Node: self, Service: &cluster.Service{ID: "web", Name: "web", Weights: cluster.DefaultWeights},
		Checks: []*cluster.Check{{ID: "c", Name: "c", ServiceID: "web", Status: cluster.Passing, Output: "fine", Type: "ttl"}},
	})
	return f
}

const healthy = "consul; web; c=passing fine; serfHealth=passing"

// TestRestartKeepsHealth restarts the agent: until the check has a result of its own the catalog's stands, whatever comes first, the
// configuration, the loop or the copy of the catalog, and nothing is written.
func TestRestartKeepsHealth(t *testing.T) {
	config := []Registration{service("web", ttl("c"))}
	for name, lag := range map[string]time.Duration{"the copy is current": 0, "the copy is empty at first": 200 * time.Millisecond} {
		for _, configFirst := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := remembered(t)
					if lag > 0 { // the copy begins anew
						fresh := newFakeCatalog()
						fresh.lag = lag
						fresh.behind(t, registered(), &cluster.Register{
							Node: self, Service: &cluster.Service{ID: "web", Name: "web", Weights: cluster.DefaultWeights},
							Checks: []*cluster.Check{{ID: "c", Name: "c", ServiceID: "web", Status: cluster.Passing, Output: "fine", Type: "ttl"}},
						})
						f = fresh
					}
					r := newRegistry(f, Options{})
					if configFirst {
						must(t, r.Replace(config, nil))
					}
					inRun(t, r, f, func() {
						if !configFirst {
							wait(3 * time.Second)
							wantHolds(t, f, healthy)
							must(t, r.Replace(config, nil))
						}
						settle(t, r)
						wantHolds(t, f, healthy)
						wantCommits(t, f, 0)
						if c := r.Checks()["c"]; c.Status != cluster.Passing || c.Output != "fine" {
							t.Errorf("the agent says %s %q", c.Status, c.Output)
						}
						must(t, r.UpdateTTL("c", cluster.Critical, "bad"))
						synced(t, r)
						wantHolds(t, f, "consul; web; c=critical bad; serfHealth=passing")
					})
				})
			})
		}
	}
}

// TestNewCheckDoesNotInherit registers a check anew after the start: it begins critical, whatever the catalog remembers of its like.
func TestNewCheckDoesNotInherit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		must(t, r.RegisterService(service("web", ttl("c"))))
		must(t, r.UpdateTTL("c", cluster.Passing, "fine"))
		synced(t, r)
		must(t, r.DeregisterService("web"))
		must(t, r.RegisterService(service("web", ttl("c"))))
		settle(t, r)
		wantHolds(t, f, "consul; web; c=critical; serfHealth=passing")
		d := ttl("given")
		d.InitialStatus = cluster.Warning
		must(t, r.RegisterCheck(d, "", FromAPI))
		synced(t, r)
		wantHolds(t, f, "consul; web; c=critical; given=warning; serfHealth=passing")
	})
}

// TestSurplusWaitsForTheConfiguration starts without what the catalog remembers: it goes when the configuration does not name it, when
// something is deregistered, or when no configuration comes.
func TestSurplusWaitsForTheConfiguration(t *testing.T) {
	for name, end := range map[string]func(*Registry) error{
		"a configuration without it": func(r *Registry) error { defer wait(time.Millisecond); return r.Replace(nil, nil) },
		"none comes":                 func(*Registry) error { wait(time.Minute); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := remembered(t)
				r := newRegistry(f, Options{})
				inRun(t, r, f, func() {
					wait(5 * time.Second)
					wantHolds(t, f, healthy)
					must(t, end(r))
					wantHolds(t, f, leaders)
				})
			})
		})
	}
}

// TestNothingIsWrittenBeforeTheCatalogIsKnown has a copy that does not catch up for a while.
func TestNothingIsWrittenBeforeTheCatalogIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCatalog()
		f.lag = time.Minute
		f.behind(t, registered())
		r := newRegistry(f, Options{})
		inRun(t, r, f, func() {
			must(t, r.Replace([]Registration{service("web")}, nil))
			wait(30 * time.Second)
			wantCommits(t, f, 0)
			wait(time.Minute)
			wantHolds(t, f, "consul; web; serfHealth=passing")
			wantCommits(t, f, 1)
		})
	})
}
