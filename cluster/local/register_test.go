package local

import (
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/check"
)

func TestRegistrationErrors(t *testing.T) {
	r := newRegistry(newFakeCatalog(), Options{})
	must(t, r.RegisterService(service("web", ttl("c"))))
	must(t, r.RegisterCheck(cluster.CheckDefinition{ID: "tcp", TCP: "x:1", Interval: time.Second}, "", FromAPI))
	orphan, serf := ttl("o"), ttl("SerfHealth")
	orphan.ServiceID = "none"
	for name, x := range map[string]struct {
		err  error
		code cluster.Code
		want string
	}{
		"no name":              {r.RegisterService(Registration{}), cluster.Invalid, `Must provide service name: the field Service (or Name) of service ID "" is empty`},
		"the leader's service": {r.RegisterService(service("Consul")), cluster.Invalid, `the service ID "Consul" is the cluster's own: choose another`},
		"the leader's check":   {r.RegisterCheck(serf, "", FromAPI), cluster.Invalid, `the check ID "SerfHealth" is the cluster's own: choose another`},
		"within a service":     {r.RegisterService(service("web", serf)), cluster.Invalid, `the check ID "SerfHealth" is the cluster's own: choose another`},
		"a bad check":          {r.RegisterService(service("new", cluster.CheckDefinition{ID: "x"})), cluster.Invalid, `check "x" does not say what to check: give one of args, http, tcp, udp, grpc, h2ping, ttl, process, ping, dns, mysql, postgres, os_service and alias_node or alias_service`},
		"a NUL":                {r.RegisterService(service("a\x00b")), cluster.Invalid, `service name "a\x00b" or its ID "a\x00b" has a NUL character`},
		"a NUL in a check":     {r.RegisterCheck(ttl("a\x00b"), "", FromAPI), cluster.Invalid, `check ID "a\x00b", its name "a\x00b" or its service ID "" has a NUL character`},
		"no such service":      {r.RegisterCheck(orphan, "", FromAPI), cluster.NotFound, `ServiceID "none" does not exist: register the service before its check`},
		"unknown service":      {r.DeregisterService("x"), cluster.NotFound, `Unknown service ID "x". Ensure that the service ID is passed, not the service name.`},
		"unknown check":        {r.DeregisterCheck("x"), cluster.NotFound, `Unknown check ID "x". Ensure that the check ID is passed, not the check name.`},
		"update of an unknown": {r.UpdateTTL("x", cluster.Passing, ""), cluster.NotFound, `Unknown check ID "x". Ensure that the check ID is passed, not the check name.`},
		"update without a TTL": {r.UpdateTTL("tcp", cluster.Passing, ""), cluster.Invalid, `CheckID "tcp" does not have associated TTL: only TTL checks are updated from outside`},
		"update to nonsense":   {r.UpdateTTL("c", "fine", ""), cluster.Invalid, `Invalid check status: "fine"; want passing, warning or critical`},
		"config half wrong":    {r.Replace([]Registration{service("ok"), service("")}, nil), cluster.Invalid, `Must provide service name: the field Service (or Name) of service ID "" is empty`},
		"config of an orphan":  {r.Replace([]Registration{service("ok")}, []cluster.CheckDefinition{orphan}), cluster.NotFound, `ServiceID "none" does not exist: register the service before its check`},
	} {
		if x.err == nil || x.err.Error() != x.want || cluster.CodeOf(x.err) != x.code {
			t.Errorf("%s: %v (%s), want %s", name, x.err, cluster.CodeOf(x.err), x.want)
		}
	}
	if s := r.Services(); len(s) != 1 || len(r.Checks()) != 2 {
		t.Errorf("a refused registration left something behind: %v, %v", s, r.Checks())
	}
}

func TestDefaults(t *testing.T) {
	r := newRegistry(newFakeCatalog(), Options{})
	must(t, r.RegisterService(Registration{
		Service: cluster.Service{Name: "web"},
		Checks:  []cluster.CheckDefinition{{Name: "one", TTL: time.Minute}, {Name: "two", TCP: "x:1", Interval: time.Second, Timeout: 2 * time.Second}},
	}))
	must(t, r.RegisterCheck(cluster.CheckDefinition{Name: "disk", TTL: time.Minute, Notes: "n"}, "", FromAPI))
	s := r.Services()["web"]
	if s == nil || s.Weights != cluster.DefaultWeights || s.Node != "n1" {
		t.Fatalf("service %+v", s)
	}
	for id, want := range map[string]cluster.Check{
		"service:web:1": {Node: "n1", ID: "service:web:1", Name: "one", Status: cluster.Critical, ServiceID: "web", ServiceName: "web", Type: "ttl"},
		"service:web:2": {Node: "n1", ID: "service:web:2", Name: "two", Status: cluster.Critical, ServiceID: "web", ServiceName: "web", Type: "tcp", Interval: "1s", Timeout: "2s"},
		"disk":          {Node: "n1", ID: "disk", Name: "disk", Notes: "n", Status: cluster.Critical, Type: "ttl"},
	} {
		if c, ok := r.Checks()[id]; !ok || !c.Equal(&want) {
			t.Errorf("%s: %+v", id, c.Check)
		}
	}
}

// TestReplacedCheck follows what becomes of a check's result and runner when it is registered again.
func TestReplacedCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		must(t, r.RegisterService(service("web", ttl("c"))))
		must(t, r.UpdateTTL("c", cluster.Passing, "fine"))
		before := r.check("c")
		must(t, r.RegisterService(service("web", ttl("c"))))
		if r.check("c") != before {
			t.Error("a check that stays the same was replaced")
		}
		changed := ttl("c")
		changed.Notes = "new"
		must(t, r.RegisterService(service("web", changed)))
		if c := r.Checks()["c"]; c.Notes != "new" || c.Status != cluster.Passing || c.Output != "fine" {
			t.Errorf("a check that was changed lost its result: %+v", c.Check)
		}
		r.result(before, check.Result{Status: cluster.Critical, Output: "late"})
		if c := r.Checks()["c"]; c.Status != cluster.Passing {
			t.Error("the result of a runner that was replaced counted")
		}
		must(t, r.RegisterService(service("WEB", ttl("C")))) // the catalog knows no case
		synced(t, r)
		wantHolds(t, f, "consul; WEB; C=passing fine; serfHealth=passing")
		must(t, r.RegisterService(service("api", ttl("c")))) // the check goes to another service
		synced(t, r)
		wantHolds(t, f, "api; consul; WEB; c=passing fine; serfHealth=passing")
		must(t, r.DeregisterService("web"))
		synced(t, r)
		wantHolds(t, f, "api; consul; c=passing fine; serfHealth=passing")
	})
}

// TestReplaceExistingChecks registers a service again with another check.
func TestReplaceExistingChecks(t *testing.T) {
	for replace, want := range map[bool]string{true: "consul; web; b=critical; serfHealth=passing", false: "consul; web; a=critical; b=critical; serfHealth=passing"} {
		synctest.Test(t, func(t *testing.T) {
			r, f := begin(t, Options{})
			must(t, r.RegisterService(service("web", ttl("a"))))
			reg := service("web", ttl("b"))
			reg.ReplaceChecks = replace
			must(t, r.RegisterService(reg))
			synced(t, r)
			wantHolds(t, f, want)
		})
	}
}

// TestReload replaces the configuration: what the API registered stays, and what stays the same runs on.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		top := ttl("top")
		top.ServiceID = "web"
		must(t, r.Replace([]Registration{service("web", ttl("c")), service("old")}, []cluster.CheckDefinition{ttl("disk"), top}))
		viaAPI := ttl("api-check")
		viaAPI.ServiceID = "web"
		must(t, r.RegisterCheck(viaAPI, "", FromAPI))
		must(t, r.RegisterService(service("api", ttl("mine"))))
		for _, id := range []string{"c", "top", "mine", "api-check"} {
			must(t, r.UpdateTTL(id, cluster.Passing, ""))
		}
		running := map[string]*runningCheck{"c": r.check("c"), "top": r.check("top")}
		must(t, r.Replace([]Registration{service("web", ttl("c")), service("new")}, []cluster.CheckDefinition{ttl("ram"), top}))
		for id, c := range running {
			if r.check(id) != c {
				t.Errorf("%s was restarted", id)
			}
		}
		synced(t, r)
		wantHolds(t, f, "api; consul; new; web; api-check=passing; c=passing; mine=passing; ram=critical; serfHealth=passing; top=passing")
		must(t, r.Replace([]Registration{service("api", ttl("c"))}, nil)) // the config takes the API's service over
		synced(t, r)
		wantHolds(t, f, "api; consul; c=passing; serfHealth=passing")
	})
}

// TestCriticalServiceIsDeregistered has services that are critical for various times.
func TestCriticalServiceIsDeregistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		for id, after := range map[string]time.Duration{"never": 0, "short": time.Second, "long": 10 * time.Minute, "healed": 2 * time.Minute, "healthy": time.Minute} {
			d := ttl("c-" + id)
			d.DeregisterCriticalServiceAfter = after
			must(t, r.RegisterService(service(id, d)))
		}
		node := ttl("node")
		node.DeregisterCriticalServiceAfter = time.Minute
		must(t, r.RegisterCheck(node, "", FromAPI))
		must(t, r.UpdateTTL("c-healthy", cluster.Passing, ""))
		has := func(ids ...string) {
			t.Helper()
			if len(r.Services()) != len(ids) {
				t.Errorf("%s: %d services, want %v", time.Now(), len(r.Services()), ids)
			}
			for _, id := range ids {
				if r.Services()[id] == nil {
					t.Errorf("%s is gone", id)
				}
			}
		}
		wait(55 * time.Second)
		has("never", "short", "long", "healed", "healthy") // a minute is the shortest
		must(t, r.UpdateTTL("c-healed", cluster.Passing, ""))
		must(t, r.UpdateTTL("c-healed", cluster.Critical, ""))
		wait(45 * time.Second)
		has("never", "long", "healed", "healthy")
		wait(50 * time.Second)
		has("never", "long", "healed", "healthy") // its two minutes began again
		wait(2 * time.Minute)
		has("never", "long", "healthy")
		wait(10 * time.Minute)
		has("never", "healthy")
		synced(t, r)
		wantHolds(t, f, "consul; healthy; never; c-healthy=passing; c-never=critical; node=critical; serfHealth=passing")
	})
}

// TestOnlyWhatWasSeenIsDropped has a program register, or heal, what a reload or the reaper has just found to be dropped.
func TestOnlyWhatWasSeenIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		d := ttl("c")
		d.DeregisterCriticalServiceAfter = time.Minute
		must(t, r.Replace([]Registration{service("web", d)}, []cluster.CheckDefinition{ttl("disk")}))
		must(t, r.RegisterService(service("web", d)))
		must(t, r.RegisterCheck(ttl("disk"), "", FromAPI))
		must(t, r.deregisterService("web", (*Service).configured)) // which they were when dropOthers looked
		must(t, r.deregisterCheck("disk", (*Check).configured))
		dead := time.Now().Add(2 * time.Minute)
		if !r.stillDead("web", "c", dead) {
			t.Error("a service whose check is critical for two minutes is not dead")
		}
		must(t, r.UpdateTTL("c", cluster.Passing, ""))
		if r.stillDead("web", "c", dead) || r.stillDead("api", "c", dead) || r.stillDead("web", "none", dead) {
			t.Error("a service is dead without a critical check of its own")
		}
		synced(t, r)
		wantHolds(t, f, "consul; web; c=passing; disk=critical; serfHealth=passing")
	})
}

// TestUpdateSurvivesReplacement updates a TTL check while it is being replaced over and over: an acknowledged update always counts.
func TestUpdateSurvivesReplacement(t *testing.T) {
	r := newRegistry(newFakeCatalog(), Options{})
	must(t, r.RegisterCheck(ttl("c"), "", FromConfig))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			d := ttl("c")
			d.Notes = strconv.Itoa(i)
			must(t, r.RegisterCheck(d, "", FromConfig))
		})
		output := strconv.Itoa(i)
		must(t, r.UpdateTTL("c", cluster.Passing, output))
		if c := r.Checks()["c"]; c.Status != cluster.Passing || c.Output != output {
			t.Fatalf("update %s is lost: %s %q", output, c.Status, c.Output)
		}
	}
	wg.Wait()
}

// TestManyAtOnce uses the registry from many goroutines while it runs and while it ends.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCatalog()
		r := newRegistry(f, Options{})
		var wg sync.WaitGroup
		use := func() {
			for g := range 8 {
				wg.Go(func() {
					for i := range 50 {
						id := fmt.Sprintf("s%d", (g+i)%5)
						_ = r.RegisterService(service(id, ttl("c"+id))) //nolint:errcheck // another goroutine may be faster
						_ = r.UpdateTTL("c"+id, cluster.Passing, "")
						_ = r.DeregisterCheck("c" + id)
						_ = r.DeregisterService(id)
						r.Services()
						r.Checks()
					}
				})
			}
		}
		inRun(t, r, f, func() {
			use()
			wg.Wait()
			use()
		})
		wg.Wait()
		must(t, r.RegisterService(service("after", ttl("c-after")))) // no check is started any more
		if r.check("c-after").cancel != nil {
			t.Error("a check was started after the end")
		}
	})
}

// TestTaggedAddresses holds what an instance's address adds to its tagged addresses.
func TestTaggedAddresses(t *testing.T) {
	at := func(addr string, port int) cluster.ServiceAddress {
		return cluster.ServiceAddress{Address: addr, Port: port}
	}
	type addresses = map[string]cluster.ServiceAddress
	for _, x := range []struct {
		address string
		given   addresses
		want    addresses
	}{
		{"", nil, nil},
		{"web.example.org", addresses{"lan": at("10.0.0.1", 1)}, addresses{"lan": at("10.0.0.1", 1)}},
		{"10.0.0.5", nil, addresses{"lan_ipv4": at("10.0.0.5", 80), "wan_ipv4": at("10.0.0.5", 80)}},
		{"10.0.0.5", addresses{"wan": at("1.2.3.4", 9), "wan_ipv4": at("1.2.3.4", 9)}, addresses{"wan": at("1.2.3.4", 9), "lan_ipv4": at("10.0.0.5", 80), "wan_ipv4": at("1.2.3.4", 9)}},
		{"2001:db8::5", nil, addresses{"lan_ipv6": at("2001:db8::5", 80), "wan_ipv6": at("2001:db8::5", 80)}},
	} {
		r, given := newRegistry(newFakeCatalog(), Options{}), maps.Clone(x.given)
		must(t, r.RegisterService(Registration{Service: cluster.Service{Name: "web", Address: x.address, Port: 80, TaggedAddresses: x.given}, Source: FromAPI}))
		if got := r.Services()["web"].TaggedAddresses; !maps.Equal(got, x.want) {
			t.Errorf("%s with %v: %v, want %v", x.address, x.given, got, x.want)
		}
		if !maps.Equal(x.given, given) {
			t.Error("what the caller gave is changed")
		}
	}
}
