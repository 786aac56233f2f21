package state

import (
	"net/netip"
	"testing"
	"time"

	"holdfast/cluster"
)

// The questions of the tests below, by name.
var questions = map[string]func(*View) any{
	"key a/b":             func(v *View) any { return v.KVGet("a/b") },
	"key none":            func(v *View) any { return v.KVGet("none") },
	"list a/":             func(v *View) any { return v.KVList("a/") },
	"list all":            func(v *View) any { return v.KVList("") },
	"list none/":          func(v *View) any { return v.KVList("none/") },
	"keys a/":             func(v *View) any { return v.KVKeys("a/", "/") },
	"nodes":               func(v *View) any { return v.Nodes() },
	"node n1":             func(v *View) any { return v.Node("n1") },
	"services of n1":      func(v *View) any { return v.NodeServices("n1") },
	"services of n9":      func(v *View) any { return v.NodeServices("n9") },
	"services":            func(v *View) any { return v.Services() },
	"instances of web":    func(v *View) any { return v.ServiceInstances("web") },
	"instances of db":     func(v *View) any { return v.ServiceInstances("db") },
	"instances of none":   func(v *View) any { return v.ServiceInstances("none") },
	"checks of n1":        func(v *View) any { return v.NodeChecks("n1") },
	"checks of web":       func(v *View) any { return v.ServiceChecks("web") },
	"checks":              func(v *View) any { return v.ChecksInState(AnyStatus) },
	"critical checks":     func(v *View) any { return v.ChecksInState(cluster.Critical) },
	"passing checks":      func(v *View) any { return v.ChecksInState(cluster.Passing) },
	"nodes at 10.0.0.1":   func(v *View) any { return v.NodesByAddress(netip.MustParseAddr("10.0.0.1")) },
	"session s1":          func(v *View) any { return v.Session("s1") },
	"session s2":          func(v *View) any { return v.Session("s2") },
	"sessions":            func(v *View) any { return v.Sessions() },
	"sessions of n1":      func(v *View) any { return v.NodeSessions("n1") },
	"sessions of n2":      func(v *View) any { return v.NodeSessions("n2") },
	"groups":              func(v *View) any { return v.Groups() },
	"group g":             func(v *View) any { return v.Group("g") },
	"group h":             func(v *View) any { return v.Group("h") },
	"assignments":         func(v *View) any { return v.Assignments() },
	"assignment of g":     func(v *View) any { return v.Assignment("g") },
	"planned move of g":   func(v *View) any { return v.PlannedMove("g") },
	"planned move of h":   func(v *View) any { return v.PlannedMove("h") },
	"presences":           func(v *View) any { return v.Presences() },
	"presence of n1":      func(v *View) any { return v.Presence("n1") },
	"presence of n2":      func(v *View) any { return v.Presence("n2") },
	"timeline":            func(v *View) any { return v.Timeline("", 0) },
	"timeline of g":       func(v *View) any { return v.Timeline("g", 0) },
	"timeline of h":       func(v *View) any { return v.Timeline("h", 0) },
	"instances at .0.8":   func(v *View) any { return v.InstancesByAddress(netip.MustParseAddr("10.0.0.8")) },
	"instance web on n1":  func(v *View) any { return v.NodeService("n1", "web") },
	"node with ID id-2":   func(v *View) any { return v.NodeByID("id-2") },
	"checks of n2":        func(v *View) any { return v.NodeChecks("n2") },
	"services of n2":      func(v *View) any { return v.NodeServices("n2") },
	"node n2":             func(v *View) any { return v.Node("n2") },
	"keys with a prefix":  func(v *View) any { return v.KVKeys("", "/") },
	"coordinates":         func(v *View) any { return v.Coordinates() },
	"coordinate of n1":    func(v *View) any { return v.Coordinate("n1") },
	"coordinate of n2":    func(v *View) any { return v.Coordinate("N2") },
	"autopilot":           func(v *View) any { return v.Autopilot() },
	"the CA's root":       func(v *View) any { return v.CARoot() },
	"the cluster ID":      func(v *View) any { return v.ClusterID() },
	"queries":             func(v *View) any { return v.PreparedQueries() },
	"query q1":            func(v *View) any { return v.PreparedQuery("Q1") },
	"query q2":            func(v *View) any { return v.PreparedQuery("q2") },
	"query named geo-x":   func(v *View) any { return v.PreparedQueryByName("geo-x") },
	"list of one key a/b": func(v *View) any { return v.KVList("a/b") },
}

// settled is a world with a little of everything:
//
//	keys     a/b, b, x (held by session s1 of n1)
//	nodes    n1: web (tags t1, t2), db; checks serfHealth and one of each instance, all passing
//	         n2: web (tag t1); no node check
//	groups   g (assigned to n1, epoch 1, planned to move to n2), h; presence of n1
//	coordinate of n1; prepared query q1, called geo-x
func settled(tb testing.TB) *world {
	tb.Helper()
	w := newWorld(tb)
	for _, c := range []cluster.Command{
		set("a/b", "1"), set("b", "1"),
		nodeCheck("n1", cluster.SerfHealth, cluster.Passing),
		service("n1", "web", cluster.Passing, "t1", "t2"),
		service("n1", "db", cluster.Passing),
		&cluster.Register{Node: cluster.Node{Name: "n2", ID: "id-2", Address: "10.0.0.2"}, Service: &cluster.Service{ID: "web", Name: "web", Tags: []string{"t1"}, Address: "10.0.0.8"}},
		session("s1", "n1", cluster.SerfHealth),
		lock("x", "s1"),
		&cluster.PutGroup{Group: group("g", "10.0.0.100/24")},
		&cluster.PutGroup{Group: group("h", "10.0.0.101/24")},
		&cluster.Steer{
			Presences:   []cluster.Presence{{Node: "n1", Live: true}},
			Assignments: []cluster.Assignment{{Group: "g", Node: "n1", Epoch: 1}},
		},
		&cluster.PlanMove{Group: "g", Node: "n2", In: time.Minute},
		coordinates(at("n1", 0.001)),
		putQuery("q1", "geo-x", ""),
	} {
		w.do(c)
	}
	return w
}

func bare(on, name string) *cluster.Register {
	r := node(on)
	r.Service = &cluster.Service{Name: name}
	return r
}

func group(name string, vips ...string) cluster.Group {
	g := cluster.Group{Name: name}
	for _, v := range vips {
		g.VIPs = append(g.VIPs, cluster.VIP{Prefix: netip.MustParsePrefix(v)})
	}
	return g
}

// TestIndexRules holds for each write exactly which answers move and wake their readers. "none" moves nothing.
func TestIndexRules(t *testing.T) {
	again := service("n1", "web", cluster.Passing, "t1", "t2")
	output := service("n1", "web", cluster.Passing, "t1", "t2")
	output.Checks[0].Output = "200 OK"
	retagged := service("n1", "web", cluster.Passing, "t1", "t3")
	moreOfTheSame := service("n2", "web2", cluster.Passing, "t1")
	moreOfTheSame.Node, moreOfTheSame.SkipNodeUpdate = cluster.Node{Name: "N2"}, true
	moreOfTheSame.Service.Name = "web"
	inCapitals := service("n2", "web2", cluster.Passing, "t1")
	inCapitals.Node, inCapitals.SkipNodeUpdate = moreOfTheSame.Node, true
	inCapitals.Service.Name = "WEB"
	moved := node("n1")
	moved.Node.Address = "10.0.0.7"
	metaOnly := node("n2")
	metaOnly.SkipNodeUpdate = true

	for _, c := range []struct {
		name  string
		write cluster.Command
		moves []string
	}{
		{"a new term", &cluster.NewTerm{Leader: "n2"}, nil},
		{"a cluster ID", &cluster.NameCluster{ID: "id-1"}, []string{"the cluster ID"}},
		{"autopilot", &cluster.PutAutopilot{Config: autopilot(5)}, []string{"autopilot"}},
		{"a root", &cluster.SetCARoot{Root: caRoot("a")}, []string{"the CA's root"}},
		{"another key", set("c", "1"), []string{"list all", "keys with a prefix"}},
		{"a neighbouring key", set("a", "1"), []string{"list all", "keys with a prefix"}},
		{"a key beside a missing one", set("nones", "1"), []string{"list all", "keys with a prefix"}},
		{"a key below", set("a/b/c", "1"), []string{"list a/", "list all", "keys a/", "keys with a prefix", "list of one key a/b"}},
		{"a key", set("a/b", "2"), []string{"key a/b", "list a/", "list all", "keys a/", "keys with a prefix", "list of one key a/b"}},
		{"the same value", set("a/b", "1"), nil},
		{"a missing key", set("none", "1"), []string{"key none", "list all", "keys with a prefix"}},
		{"delete of a key", verb(cluster.KVDelete, "a/b"), []string{"key a/b", "list a/", "list all", "keys a/", "keys with a prefix", "list of one key a/b"}},
		{"delete of no key", verb(cluster.KVDelete, "none"), nil},
		{"delete-tree", verb(cluster.KVDeleteTree, "a"), []string{"key a/b", "list a/", "list all", "keys a/", "keys with a prefix", "list of one key a/b"}},
		{"delete-tree of nothing", verb(cluster.KVDeleteTree, "none"), nil},

		{"the same registration", again, nil},
		{"an output", output, []string{"instances of web", "checks of n1", "checks of web", "checks", "passing checks", "instances at .0.8"}},
		{"a state", service("n1", "web", cluster.Critical, "t1", "t2"), []string{"instances of web", "checks of n1", "checks of web", "checks", "passing checks", "critical checks", "instances at .0.8"}},
		{
			"other tags", retagged,
			[]string{"services", "services of n1", "node n1", "instance web on n1", "instances of web", "checks of n1", "checks of web", "checks", "passing checks", "instances at .0.8"},
		},
		{
			"one more instance with a tag that is there", moreOfTheSame,
			[]string{"services of n2", "node n2", "instances of web", "checks of n2", "checks of web", "checks", "passing checks", "instances at .0.8"},
		},
		{
			"one more instance that writes the name in capitals", inCapitals,
			[]string{"services", "services of n2", "node n2", "instances of web", "checks of n2", "checks of web", "checks", "passing checks", "instances at .0.8"},
		},
		{
			"a new service", service("n1", "none", cluster.Warning),
			[]string{"services", "services of n1", "node n1", "instance web on n1", "instances of none", "checks of n1", "checks", "instances at .0.8"},
		},
		{
			"a new service without a check", bare("n1", "none"),
			[]string{"services", "services of n1", "node n1", "instance web on n1", "instances of none", "instances at .0.8"},
		},
		{
			"a check of a node", nodeCheck("n1", "disk", cluster.Warning),
			[]string{"instances of web", "instances of db", "checks of n1", "checks of web", "checks", "instances at .0.8"},
		},
		{
			"the address of a node", moved,
			[]string{"nodes", "node n1", "services of n1", "instance web on n1", "nodes at 10.0.0.1", "instances of web", "instances of db", "checks of web", "instances at .0.8", "node with ID id-2"},
		},
		{"a registration that leaves the node", metaOnly, nil},
		{
			"a new node", node("n9"),
			[]string{"nodes", "services of n9", "nodes at 10.0.0.1", "instances at .0.8", "node with ID id-2"},
		},
		{
			"an instance goes", &cluster.Deregister{Node: "N1", ServiceID: "DB"},
			[]string{"services", "services of n1", "node n1", "instance web on n1", "instances of db", "checks of n1", "checks", "passing checks", "instances at .0.8"},
		},
		{
			"a check goes", &cluster.Deregister{Node: "n1", CheckID: "service:web"},
			[]string{"instances of web", "checks of n1", "checks of web", "checks", "passing checks", "instances at .0.8"},
		},
		{"what does not exist goes", &cluster.Deregister{Node: "n1", ServiceID: "none"}, nil},
		{"a node that does not exist goes", &cluster.Deregister{Node: "none"}, nil},
		{
			"a node goes, with its sessions and the keys they hold", &cluster.Deregister{Node: "n1"},
			[]string{
				"nodes", "node n1", "services", "services of n1", "instance web on n1", "nodes at 10.0.0.1", "instances of web", "instances of db", "instances at .0.8", "node with ID id-2",
				"checks of n1", "checks of web", "checks", "passing checks", "session s1", "sessions", "sessions of n1", "list all", "keys with a prefix",
				"coordinates", "coordinate of n1",
			},
		},

		{"a session", session("s2", "n2"), []string{"session s2", "sessions", "sessions of n2"}},
		{"the same session", session("s1", "n1", cluster.SerfHealth), nil},
		{"a session ends", &cluster.SessionDestroy{ID: "S1"}, []string{"session s1", "sessions", "sessions of n1", "list all", "keys with a prefix"}},
		{"a session that does not exist ends", &cluster.SessionDestroy{ID: "s2"}, nil},

		{"the same group", &cluster.PutGroup{Group: group("g", "10.0.0.100/24")}, nil},
		{"a group", &cluster.PutGroup{Group: group("g", "10.0.0.105/24")}, []string{"groups", "group g", "timeline", "timeline of g"}},
		{"a group goes", &cluster.DeleteGroup{Name: "g"}, []string{"groups", "group g", "assignments", "assignment of g", "planned move of g", "timeline", "timeline of g"}},
		{"a group without an assignment goes", &cluster.DeleteGroup{Name: "h"}, []string{"groups", "group h", "timeline", "timeline of h"}},
		{"an assignment", &cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Epoch: 2}}}, []string{"assignments", "assignment of g"}},
		{"a planned move", &cluster.PlanMove{Group: "h", Node: "n2", In: time.Minute}, []string{"planned move of h", "timeline", "timeline of h"}},
		{"another planned move", &cluster.PlanMove{Group: "g", Node: "n3", In: time.Minute}, []string{"planned move of g", "timeline", "timeline of g"}},
		{"a planned move is called off", &cluster.PlanMove{Group: "g"}, []string{"planned move of g", "timeline", "timeline of g"}},
		{"a planned move is done", &cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 2, Moved: true}}}, []string{"assignments", "assignment of g", "planned move of g"}},
		{"a presence", &cluster.Steer{Presences: []cluster.Presence{{Node: "n2"}}}, []string{"presences", "presence of n2"}},
		{"the same presence", &cluster.Steer{Presences: []cluster.Presence{{Node: "n1", Live: true}}}, nil},
		{"an entry of the timeline", &cluster.Record{Transitions: []cluster.Transition{{Group: "h"}}}, []string{"timeline", "timeline of h"}},
		{"an entry of the timeline about a machine", &cluster.Record{Transitions: []cluster.Transition{{Node: "n1"}}}, []string{"timeline"}},
		{"a coordinate", coordinates(at("n1", 0.002)), []string{"coordinates", "coordinate of n1"}},
		{"the same coordinate", coordinates(at("N1", 0.001)), nil},
		{"a new coordinate", coordinates(at("n1", 0.001), at("n2", 0.001)), []string{"coordinates", "coordinate of n2"}},
		{"a coordinate of no node", coordinates(at("n9", 0.001)), nil},
		{"the same query", putQuery("q1", "geo-x", ""), nil},
		{"a query", updateQuery("Q1", "GEO-X", ""), []string{"queries", "query q1", "query named geo-x"}},
		{"another query", putQuery("q2", "b", "s1"), []string{"queries", "query q2", "query named geo-x"}},
		{"a query goes", &cluster.DeletePreparedQuery{ID: "Q1"}, []string{"queries", "query q1", "query named geo-x"}},
		{"tombstones that do not exist", &cluster.ReapTombstones{Index: 1000}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := settled(t)
			before := map[string]*View{}
			for name, ask := range questions {
				before[name] = w.WatchView()
				ask(before[name])
			}
			w.do(c.write)
			moves := map[string]bool{}
			for _, name := range c.moves {
				if questions[name] == nil {
					t.Fatalf("no question is called %q", name)
				}
				moves[name] = true
			}
			for name, ask := range questions {
				old, v := before[name].Index(), w.View()
				ask(v)
				want := old
				if moves[name] {
					want = w.index
				}
				if v.Index() != want {
					t.Errorf("%s: index %d, want %d (it was %d)", name, v.Index(), want, old)
				}
				if woke := before[name].r.moved(); woke != moves[name] {
					t.Errorf("%s: woke its reader: %v, want %v", name, woke, moves[name])
				}
			}
		})
	}
}

// TestIndexOfNothing holds that an empty store answers with 1.
func TestIndexOfNothing(t *testing.T) {
	s := New()
	for name, ask := range questions {
		v := s.View()
		ask(v)
		if v.Index() != 1 {
			t.Errorf("%s: index %d", name, v.Index())
		}
	}
}

// TestIndexAfterDeletion holds that what was deleted keeps answering with the index of its deletion, and after its tombstone is
// reaped with no lower one.
func TestIndexAfterDeletion(t *testing.T) {
	w := settled(t)
	w.do(verb(cluster.KVDeleteTree, "a/"))
	w.do(&cluster.DeleteGroup{Name: "g"})
	w.do(&cluster.Deregister{Node: "n2"})
	w.do(&cluster.Deregister{Node: "n1"})
	index := func(name string) uint64 {
		v := w.View()
		questions[name](v)
		return v.Index()
	}
	before := map[string]uint64{}
	for name := range questions {
		before[name] = index(name)
	}
	if before["key a/b"] != w.index-3 || before["assignment of g"] != w.index-2 || before["node n2"] != w.index-1 || before["instances of db"] != w.index {
		t.Errorf("indexes of what is gone: %v", before)
	}
	last := w.index
	w.do(&cluster.ReapTombstones{Index: last - 4})
	for name := range questions {
		if got := index(name); got != before[name] {
			t.Errorf("%s: index %d after reaping nothing, %d before", name, got, before[name])
		}
	}
	w.do(&cluster.ReapTombstones{Index: last})
	for name := range questions {
		if got := index(name); got < before[name] || got > last {
			t.Errorf("%s: index %d after reaping, %d before", name, got, before[name])
		}
	}
	for _, r := range records(t, w.Store) {
		if tomb, ok := r.(*Tombstone); ok {
			t.Errorf("tombstone %+v was not reaped", tomb)
		}
	}
	w.do(set("a/b", "again"))
	if got := index("key a/b"); got != w.index {
		t.Errorf("index %d of a key that was created again, want %d", got, w.index)
	}
}

// TestManyKeysBelow holds that a list too long to be asked again wakes its readers for a change, and reports it.
func TestManyKeysBelow(t *testing.T) {
	w := newWorld(t)
	for i := range cheapToAskAgain + 1 {
		w.do(set("a/"+string(rune('0'+i)), "v"))
	}
	v := w.WatchView()
	v.KVList("a/")
	w.do(set("b", "v"))
	if v.r.watches[0].costly != true {
		t.Fatal("the list is not long")
	}
	w.do(verb(cluster.KVDelete, "a/0"))
	if !v.r.moved() {
		t.Error("nobody woke")
	}
	if v := w.View(); len(v.KVList("a/")) != cheapToAskAgain || v.Index() != w.index {
		t.Errorf("index %d, want %d", v.Index(), w.index)
	}
}
