package state

import (
	"net/netip"
	"reflect"
	"testing"

	"holdfast/cluster"
)

func withID(name, id string) *cluster.Register {
	r := node(name)
	r.Node.ID = id
	return r
}

func names[T any](list []T, name func(T) string) []string {
	var all []string
	for _, x := range list {
		all = append(all, name(x))
	}
	return all
}

func nodeNames(v *View) []string {
	return names(v.Nodes(), func(n *cluster.Node) string { return n.Name })
}

func wantNames(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestRegisterFillsIn(t *testing.T) {
	w := newWorld(t)
	c := &cluster.Register{
		Node:    cluster.Node{Name: "N1", Address: "10.0.0.1"},
		Service: &cluster.Service{Name: "Web", Tags: []string{"a"}},
		Checks:  []*cluster.Check{{Name: "ping"}, {ID: "c2", ServiceID: "web", ServiceName: "nonsense", Status: cluster.Passing}},
	}
	w.do(c)
	if c.Service.ID != "" || c.Checks[0].ID != "" || c.Node.CreateIndex != 0 {
		t.Error("the command itself was changed")
	}
	v := w.View()
	want := Instance{
		Node:    &cluster.Node{Name: "N1", Address: "10.0.0.1", CreateIndex: 10, ModifyIndex: 10},
		Service: &cluster.Service{Node: "N1", ID: "Web", Name: "Web", Tags: []string{"a"}, CreateIndex: 10, ModifyIndex: 10},
		Checks: []*cluster.Check{
			{Node: "N1", ID: "ping", Name: "ping", Status: cluster.Critical, CreateIndex: 10, ModifyIndex: 10},
			{Node: "N1", ID: "c2", Status: cluster.Passing, ServiceID: "Web", ServiceName: "Web", ServiceTags: []string{"a"}, CreateIndex: 10, ModifyIndex: 10},
		},
	}
	if got := v.ServiceInstances("web"); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("instances of web: %+v", got)
	}
	if v.NodeService("n1", "WEB") == nil || v.Node("n1") == nil || len(v.NodeServices("n1")) != 1 || len(v.NodeChecks("n1")) != 2 || len(v.ServiceChecks("WEB")) != 1 {
		t.Error("names are not compared without regard to case")
	}
}

func TestRefusedRegistrations(t *testing.T) {
	w := newWorld(t)
	w.do(withID("n1", "id-1"))
	w.do(service("n2", "web", cluster.Passing))
	for _, c := range []struct {
		name   string
		change func(*cluster.Register)
		code   cluster.Code
		text   string
	}{
		{"no name", func(r *cluster.Register) { r.Node.Name = "" }, cluster.Invalid, "node name"},
		{"no address", func(r *cluster.Register) { r.Node.Address = "" }, cluster.Invalid, "address"},
		{"another ID", func(r *cluster.Register) { r.Node.ID = "id-9" }, cluster.Conflict, `"n1" is reserved by the node with ID id-1 (address 10.0.0.1)`},
		{"service without a name", func(r *cluster.Register) { r.Service = &cluster.Service{ID: "x"} }, cluster.Invalid, "service name"},
		{"check without a name", func(r *cluster.Register) { r.Checks = []*cluster.Check{{}} }, cluster.Invalid, "neither an ID nor a name"},
		{"check with an odd state", func(r *cluster.Register) { r.Checks = []*cluster.Check{{ID: "c", Status: "fine"}} }, cluster.Invalid, `"fine"`},
		{"check of no service", func(r *cluster.Register) { r.Checks = []*cluster.Check{{ID: "c", ServiceID: "db"}} }, cluster.Invalid, `unknown service ID "db"`},
		{"check of another node's service", func(r *cluster.Register) { r.Checks = []*cluster.Check{{ID: "c", ServiceID: "web"}} }, cluster.Invalid, `unknown service ID "web"`},
		{"check of another node", func(r *cluster.Register) { r.Checks = []*cluster.Check{{Node: "n2", ID: "c"}} }, cluster.Invalid, `"n2"`},
		{"an empty check", func(r *cluster.Register) { r.Checks = []*cluster.Check{nil} }, cluster.Invalid, "empty check"},
		{"NUL in a node name", func(r *cluster.Register) { r.Node.Name = "n\x00" }, cluster.Invalid, "NUL"},
		{"NUL in a service name", func(r *cluster.Register) { r.Service = &cluster.Service{Name: "n\x00"} }, cluster.Invalid, "NUL"},
		{"NUL in a service ID", func(r *cluster.Register) { r.Service = &cluster.Service{Name: "n", ID: "\x00"} }, cluster.Invalid, "NUL"},
		{"NUL in a node ID", func(r *cluster.Register) { r.Node.ID = "\x00" }, cluster.Invalid, "NUL"},
		{"NUL in a check's service ID", func(r *cluster.Register) { r.Checks = []*cluster.Check{{ID: "c", ServiceID: "\x00"}} }, cluster.Invalid, "NUL"},
		{"NUL in a check ID", func(r *cluster.Register) { r.Checks = []*cluster.Check{{ID: "n\x00"}} }, cluster.Invalid, "NUL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			r := node("n1")
			r.Node.Address = "10.9.9.9" // would be a change
			r.Service = &cluster.Service{Name: "new"}
			c.change(r)
			w.refused(r, c.code, c.text)
		})
	}
}

// TestNodeWithoutAddress: a registration that leaves the node as it is may come before the one that knows its address.
func TestNodeWithoutAddress(t *testing.T) {
	w := newWorld(t)
	bare := service("n1", "web", cluster.Passing)
	bare.Node, bare.SkipNodeUpdate = cluster.Node{Name: "n1", Datacenter: "dc1"}, true
	w.do(bare)
	if n := w.View().Node("n1"); n == nil || n.Address != "" {
		t.Fatalf("the node: %+v", n)
	}
	w.do(node("n1"))
	w.do(bare)
	if n := w.View().Node("n1"); n.Address != "10.0.0.1" {
		t.Errorf("the node: %+v", n)
	}
	bare.Node.Name, bare.Node.Meta = "n2", map[string]string{"": "x"}
	w.refused(bare, cluster.Invalid, "metadata key")
}

func TestNodeIDs(t *testing.T) {
	const id1, id2 = "0a000000-0000-0000-0000-000000000001", "0a000000-0000-0000-0000-000000000002"
	for _, c := range []struct {
		name  string
		setup []cluster.Command
		write *cluster.Register
		nodes []string
		ids   []string
	}{
		{"a node gets its ID later", []cluster.Command{node("n1")}, withID("n1", id1), []string{"n1"}, []string{id1}},
		{"a registration without ID leaves it", []cluster.Command{withID("n1", id1)}, node("N1"), []string{"N1"}, []string{id1}},
		{"the case of an ID does not matter", []cluster.Command{withID("n1", id1)}, withID("n1", "0A000000-0000-0000-0000-000000000001"), []string{"n1"}, []string{"0A000000-0000-0000-0000-000000000001"}},
		{"a node changes its name", []cluster.Command{withID("n1", id1), withID("n2", id2)}, withID("n3", id1), []string{"n2", "n3"}, []string{id2, id1}},
		{"a node takes the name of a failed one", []cluster.Command{withID("n1", id1), nodeCheck("n1", cluster.SerfHealth, cluster.Critical)}, withID("n1", id2), []string{"n1"}, []string{id2}},
		{"a known node takes the name of a failed one", []cluster.Command{withID("n1", id1), withID("n2", id2), nodeCheck("n1", cluster.SerfHealth, cluster.Critical)}, withID("n1", id2), []string{"n1"}, []string{id2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range c.setup {
				w.do(s)
			}
			w.do(c.write)
			v := w.View()
			wantNames(t, "nodes", nodeNames(v), c.nodes...)
			wantNames(t, "IDs", names(v.Nodes(), func(n *cluster.Node) string { return n.ID }), c.ids...)
			for i, id := range c.ids {
				if n := v.NodeByID(id); n == nil || n.Name != c.nodes[i] {
					t.Errorf("node with ID %s: %+v", id, n)
				}
			}
		})
	}
	w := newWorld(t)
	w.do(withID("n1", id1))
	w.do(nodeCheck("n1", cluster.SerfHealth, cluster.Passing))
	w.refused(withID("n1", id2), cluster.Conflict, "reserved")
}

// TestRename holds that what belonged to the former name ends with it: the agent registers it anew.
func TestRename(t *testing.T) {
	w := newWorld(t)
	w.do(withID("n1", "id-1"))
	w.do(service("n1", "web", cluster.Passing))
	w.do(session("s1", "n1"))
	w.do(withID("n9", "id-1"))
	v := w.View()
	if v.Node("n1") != nil || len(v.NodeServices("n1"))+len(v.NodeChecks("n1"))+len(v.ServiceInstances("web")) != 0 || v.Session("s1") != nil {
		t.Error("something of the former name is left")
	}
	if n := v.Node("n9"); n == nil || n.CreateIndex != 10 || n.ModifyIndex != 13 {
		t.Errorf("the node under its new name: %+v", n)
	}
}

func TestServiceChangesItsName(t *testing.T) {
	w := newWorld(t)
	w.do(service("n1", "web", cluster.Passing, "a"))
	r := node("n1")
	r.Service = &cluster.Service{ID: "web", Name: "www", Tags: []string{"b", "a"}}
	w.do(r)
	v := w.View()
	if len(v.ServiceInstances("web")) != 0 || len(v.ServiceChecks("web")) != 0 || v.Index() != 11 {
		t.Errorf("the former service still answers, or with the index %d", v.Index())
	}
	got := v.ServiceInstances("www")
	if len(got) != 1 || got[0].Checks[0].ServiceName != "www" || !reflect.DeepEqual(got[0].Checks[0].ServiceTags, []string{"b", "a"}) || got[0].Service.CreateIndex != 10 {
		t.Errorf("instances of www: %+v", got)
	}
	r.Service = &cluster.Service{ID: "WEB", Name: "www", Tags: []string{"b", "a"}}
	w.do(r)
	if c := w.View().NodeChecks("n1"); len(c) != 1 || c[0].ServiceID != "WEB" {
		t.Errorf("checks of an instance whose ID is spelt anew: %+v", c)
	}
	if s := v.Services(); !reflect.DeepEqual(s, []ServiceSummary{{Name: "www", Tags: []string{"a", "b"}}}) {
		t.Errorf("services: %+v", s)
	}
}

func TestDeregister(t *testing.T) {
	for _, c := range []struct {
		name                    string
		write                   cluster.Deregister
		nodes, services, checks []string
	}{
		{"a check", cluster.Deregister{Node: "N1", CheckID: "SERVICE:web"}, []string{"n1", "n2"}, []string{"db", "web"}, []string{"serfHealth", "service:db"}},
		{"an instance", cluster.Deregister{Node: "N1", ServiceID: "WEB"}, []string{"n1", "n2"}, []string{"db"}, []string{"serfHealth", "service:db"}},
		{"an instance goes before a check", cluster.Deregister{Node: "n1", ServiceID: "web", CheckID: "serfHealth"}, []string{"n1", "n2"}, []string{"db"}, []string{"serfHealth", "service:db"}},
		{"a node", cluster.Deregister{Node: "N1"}, []string{"n2"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := settled(t)
			w.do(&c.write)
			v := w.View()
			wantNames(t, "nodes", nodeNames(v), c.nodes...)
			wantNames(t, "instances", names(v.NodeServices("n1"), func(s *cluster.Service) string { return s.ID }), c.services...)
			wantNames(t, "checks", names(v.NodeChecks("n1"), func(c *cluster.Check) string { return c.ID }), c.checks...)
		})
	}
	w := settled(t)
	w.refused(&cluster.Deregister{}, cluster.Invalid, "Must provide node")
}

func TestAddresses(t *testing.T) {
	w := settled(t)
	six := node("n6")
	six.Node.Address = "2001:db8:0::6"
	w.do(six)
	named := node("ext")
	named.Node.Address = "db.example.org"
	w.do(named)
	v := w.View()
	for addr, want := range map[string][]string{"10.0.0.1": {"n1"}, "::ffff:10.0.0.1": {"n1"}, "2001:db8::6": {"n6"}, "10.0.0.8": nil} {
		wantNames(t, addr, names(v.NodesByAddress(netip.MustParseAddr(addr)), func(n *cluster.Node) string { return n.Name }), want...)
	}
	if got := v.InstancesByAddress(netip.MustParseAddr("10.0.0.8")); len(got) != 1 || got[0].Node.Name != "n2" {
		t.Errorf("instances at 10.0.0.8: %+v", got)
	}
}

// TestOrder holds the order of lists: by name without regard to case, byte by byte.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"n10", "N1", "n1-a", "n2"} {
		r := node(n)
		r.Service = &cluster.Service{ID: "B", Name: "web"}
		r.Checks = []*cluster.Check{{ID: "z"}, {ID: "M"}, {ID: "a", ServiceID: "B"}}
		w.do(r)
		r.Service = &cluster.Service{ID: "a", Name: "web"}
		w.do(r)
	}
	v := w.View()
	wantNames(t, "nodes", nodeNames(v), "N1", "n1-a", "n10", "n2")
	wantNames(t, "instances", names(v.ServiceInstances("web"), func(i Instance) string { return i.Service.Node + "/" + i.Service.ID }),
		"N1/a", "N1/B", "n1-a/a", "n1-a/B", "n10/a", "n10/B", "n2/a", "n2/B")
	wantNames(t, "checks of an instance", names(v.ServiceInstances("web")[1].Checks, func(c *cluster.Check) string { return c.ID }), "M", "z", "a")
	wantNames(t, "checks", names(v.ChecksInState(cluster.Critical)[:4], func(c *cluster.Check) string { return c.Node + "/" + c.ID }), "N1/a", "N1/M", "N1/z", "n1-a/a")
}
