package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
)

// TestPlanChooses holds the rules in Plan's comment and the sentence that it gives as its reason.
func TestPlanChooses(t *testing.T) {
	lost := func(n string) cluster.Command {
		return failovertest.PresenceOf(n, false, "no lease renewal from it for 700ms")
	}
	unheard := func(n string) cluster.Command {
		return failovertest.NodeCheck(n, cluster.SerfHealth, cluster.SerfHealthName, cluster.Critical, "Agent not live or unreachable")
	}
	warns := func(n string) cluster.Command {
		return failovertest.NodeCheck(n, "disk", "disk", cluster.Warning, "91 % full")
	}
	for _, c := range []struct {
		name    string
		holder  string // "" for none yet
		moved   bool
		prefer  []string
		preempt bool
		state   []cluster.Command
		want    string
		why     string
	}{
		{name: "nobody holds it: by name", want: "n1", why: "n1 is the best machine (eligible)"},
		{name: "nobody holds it: prefer", prefer: []string{"n3", "n2"}, want: "n3", why: "n3 is the best machine (eligible, number 1 in prefer)"},
		{name: "prefer names a stranger", prefer: []string{"n9", "n2"}, want: "n2", why: "n2 is the best machine (eligible, number 2 in prefer)"},
		{name: "the best holds it", holder: "n1", want: "n1", why: "n1 holds it and is the best machine: eligible"},
		{name: "a worse one stays", holder: "n2", prefer: []string{"n1"}, want: "n2", why: "n2 holds it and is eligible; n1 would be preferred, but the group does not preempt"},
		{
			name: "a worse one is preempted", holder: "n2", prefer: []string{"n1"}, preempt: true, want: "n1",
			why: "n1 is preferred to n2 (eligible, number 1 in prefer), and the group preempts",
		},
		{name: "a name is no reason to move", holder: "n2", preempt: true, want: "n2", why: "n2 holds it and is the best machine: eligible"},
		{
			name: "an operator's choice is not preempted", holder: "n2", moved: true, prefer: []string{"n1"}, preempt: true, want: "n2",
			why: "n2 holds it: an operator moved it there, and it is eligible",
		},
		{
			name: "an operator's choice that fails", holder: "n2", moved: true, prefer: []string{"n3"}, state: []cluster.Command{lost("n2")}, want: "n3",
			why: "n2 cannot hold it: no lease renewal from it for 700ms; n3 is the best machine left (eligible, number 1 in prefer)",
		},
		{
			name: "the holder is lost", holder: "n1", state: []cluster.Command{lost("n1")}, want: "n2",
			why: "n1 cannot hold it: no lease renewal from it for 700ms; n2 is the best machine left (eligible)",
		},
		{
			name: "gossip alone loses the holder", holder: "n1", state: []cluster.Command{unheard("n1")}, want: "n1",
			why: "n1 holds it and is the best machine: gossip holds it failed, but its lease channel is live",
		},
		{
			name: "gossip alone loses the holder of a group that preempts", holder: "n1", preempt: true, state: []cluster.Command{unheard("n1")}, want: "n1",
			why: "n1 holds it and is the best machine: gossip holds it failed, but its lease channel is live",
		},
		{
			name: "gossip loses all", holder: "n2", prefer: []string{"n2"}, state: []cluster.Command{unheard("n1"), unheard("n2"), unheard("n3")}, want: "n2",
			why: "n2 holds it and is the best machine: gossip holds it failed, but its lease channel is live",
		},
		{
			name: "gossip loses the holder, and the lease channel too", holder: "n1", state: []cluster.Command{unheard("n1"), lost("n1")}, want: "n2",
			why: "n1 cannot hold it: no lease renewal from it for 700ms; n2 is the best machine left (eligible)",
		},
		{name: "gossip loses the best: another is chosen", prefer: []string{"n1"}, state: []cluster.Command{unheard("n1")}, want: "n2", why: "n2 is the best machine (eligible)"},
		{
			name: "gossip loses the best: it does not preempt", holder: "n2", prefer: []string{"n1"}, preempt: true, state: []cluster.Command{unheard("n1")}, want: "n2",
			why: "n2 holds it and is the best machine: eligible",
		},
		{
			name: "gossip loses the only one left", holder: "n1", state: []cluster.Command{lost("n1"), unheard("n2"), lost("n3")}, want: "n2",
			why: "n1 cannot hold it: no lease renewal from it for 700ms; n2 is the best machine left (gossip holds it failed, but its lease channel is live)",
		},
		{name: "warning stays", holder: "n1", state: []cluster.Command{warns("n1")}, want: "n1", why: "n1 holds it and is eligible; n2 would be preferred, but the group does not preempt"},
		{
			name: "warning is preempted", holder: "n1", preempt: true, prefer: []string{"n1", "n3"}, state: []cluster.Command{warns("n1")}, want: "n3",
			why: "n3 is preferred to n1 (eligible, number 2 in prefer), and the group preempts",
		},
		{
			name: "warning comes after passing, whatever prefer says", prefer: []string{"n1"}, state: []cluster.Command{warns("n1")}, want: "n2",
			why: "n2 is the best machine (eligible)",
		},
		{
			name: "all warn: prefer again", prefer: []string{"n3"}, state: []cluster.Command{warns("n1"), warns("n2"), warns("n3")}, want: "n3",
			why: `n3 is the best machine (its node check "disk" is warning)`,
		},
		{
			name: "none eligible, none held it", state: []cluster.Command{lost("n1"), lost("n2"), lost("n3")}, want: "", why: "no machine is eligible",
		},
		{
			name: "none eligible any more", holder: "n1", state: []cluster.Command{lost("n1"), lost("n2"), lost("n3")}, want: "",
			why: "no machine is eligible any more; n1 cannot hold it: no lease renewal from it for 700ms",
		},
		{
			name: "the holder is no member any more", holder: "n1", state: []cluster.Command{&cluster.Deregister{Node: "n1"}}, want: "n2",
			why: "n1 is no member any more; n2 is the best machine left (eligible)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := failovertest.NewCell(t, "n1")
			g := failovertest.GroupOf("g", "10.0.0.100/24")
			g.Prefer, g.Preempt = c.prefer, c.preempt
			s.Do(append(failovertest.Three(), failovertest.Put(g))...)
			if c.holder != "" {
				s.Assign("g", c.holder, c.moved)
			}
			s.Do(c.state...)
			d := Plan(s.Store.View())[0]
			if d.Node != c.want || d.Why != c.why {
				t.Errorf("chose %q: %s\nwant  %q: %s", d.Node, d.Why, c.want, c.why)
			}
			if d.Current != c.holder || d.Changed() != (c.holder != c.want) {
				t.Errorf("current %q, changed %v", d.Current, d.Changed())
			}
		})
	}
}

// TestPlanJudges holds what is said of one machine.
func TestPlanJudges(t *testing.T) {
	serf := func(s cluster.Status, output string) cluster.Command {
		return failovertest.NodeCheck("n1", cluster.SerfHealth, "Serf Health Status", s, output)
	}
	long := strings.Repeat("é", 200)
	for _, c := range []struct {
		name     string
		state    []cluster.Command
		eligible bool
		why      string
	}{
		{"eligible", nil, true, "eligible"},
		{"never seen", []cluster.Command{serf(cluster.Passing, "")}, false, "it has not opened a lease channel to the leader yet"},
		{"lost", []cluster.Command{failovertest.PresenceOf("n1", false, "no lease renewal from it for 700ms")}, false, "no lease renewal from it for 700ms"},
		{"unable", []cluster.Command{failovertest.Unable("n1", "g", "eth0 is gone")}, false, "eth0 is gone"},
		{"unable for another group", []cluster.Command{failovertest.Unable("n1", "h", "eth0 is gone")}, true, "eligible"},
		{"maintenance", []cluster.Command{failovertest.NodeCheck("n1", cluster.NodeMaintenance, "Node Maintenance Mode", cluster.Critical, "new disk")}, false, "the machine is in maintenance: new disk"},
		{"failed by gossip alone", []cluster.Command{serf(cluster.Critical, "Agent not live or unreachable")}, true, "gossip holds it failed, but its lease channel is live"},
		{"failed by gossip, and a check warns", []cluster.Command{
			serf(cluster.Critical, ""), failovertest.NodeCheck("n1", "d", "disk", cluster.Warning, "x"),
		}, true, `its node check "disk" is warning`},
		{"failed by gossip, and a check is critical", []cluster.Command{
			serf(cluster.Critical, ""), failovertest.NodeCheck("n1", "d", "disk", cluster.Critical, "full"),
		}, false, `its node check "disk" is critical (full)`},
		{"last line of the output", []cluster.Command{failovertest.NodeCheck("n1", "d", "disk", cluster.Critical, "a\nfull\n")}, false, `its node check "disk" is critical (full)`},
		{"no output", []cluster.Command{failovertest.NodeCheck("n1", "d", "disk", cluster.Critical, " \n")}, false, `its node check "disk" is critical`},
		{"long output", []cluster.Command{failovertest.NodeCheck("n1", "d", "disk", cluster.Critical, long)}, false, `its node check "disk" is critical (` + long[:240] + "…)"},
		{"warning", []cluster.Command{failovertest.NodeCheck("n1", "d", "disk", cluster.Warning, "x")}, true, `its node check "disk" is warning`},
		{"critical counts more than warning", []cluster.Command{
			failovertest.NodeCheck("n1", "a", "load", cluster.Warning, ""), failovertest.NodeCheck("n1", "d", "disk", cluster.Critical, ""),
		}, false, `its node check "disk" is critical`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := failovertest.NewCell(t, "n1")
			s.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))
			if c.name != "never seen" {
				s.Do(failovertest.MachineOn("n1")...)
			}
			s.Do(c.state...)
			wantVerdict(t, s, "n1", c.eligible, c.why)
		})
	}
}

// TestPlanJudgesServices holds what an instance of the group's service counts for.
func TestPlanJudgesServices(t *testing.T) {
	for _, c := range []struct {
		name     string
		state    []cluster.Command
		eligible bool
		why      string
	}{
		{"no instance", []cluster.Command{failovertest.Instance("n2", "web", "web", cluster.Passing, "")}, false, `it has no instance of the service "web"`},
		{"another service", []cluster.Command{failovertest.Instance("n1", "web", "www", cluster.Passing, "")}, false, `it has no instance of the service "web"`},
		{"passing", []cluster.Command{failovertest.Instance("n1", "web", "web", cluster.Passing, "")}, true, "eligible"},
		{"warning", []cluster.Command{failovertest.Instance("n1", "web", "web", cluster.Warning, "slow")}, true, `its service "web" warns: check "web up" (slow)`},
		{"critical", []cluster.Command{failovertest.Instance("n1", "web", "web", cluster.Critical, "exit 1")}, false, `its service "web" is critical: check "web up" (exit 1)`},
		{"no check", []cluster.Command{&cluster.Register{Node: cluster.Node{Name: "n1"}, SkipNodeUpdate: true, Service: &cluster.Service{ID: "web", Name: "web"}}}, true, "eligible"},
		{"one of two passes", []cluster.Command{
			failovertest.Instance("n1", "web1", "web", cluster.Critical, ""), failovertest.Instance("n1", "web2", "web", cluster.Passing, ""),
		}, true, "eligible"},
		{"the other of two passes", []cluster.Command{
			failovertest.Instance("n1", "web1", "web", cluster.Passing, ""), failovertest.Instance("n1", "web2", "web", cluster.Critical, ""),
		}, true, "eligible"},
		{"the better of two warns", []cluster.Command{
			failovertest.Instance("n1", "web1", "web", cluster.Critical, ""), failovertest.Instance("n1", "web2", "web", cluster.Warning, "slow"),
		}, true, `its service "web" warns: check "web2 up" (slow)`},
		{"both fail", []cluster.Command{
			failovertest.Instance("n1", "web1", "web", cluster.Critical, "first"), failovertest.Instance("n1", "web2", "web", cluster.Critical, "second"),
		}, false, `its service "web" is critical: check "web1 up" (first)`},
		{"passes in maintenance", []cluster.Command{
			failovertest.Instance("n1", "web", "web", cluster.Passing, ""), failovertest.NodeCheck("n1", cluster.NodeMaintenance, "", cluster.Critical, "disk"),
		}, false, "the machine is in maintenance: disk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := failovertest.NewCell(t, "n1")
			g := failovertest.GroupOf("g", "10.0.0.100/24")
			g.Service = "web"
			s.Do(append(failovertest.MachineOn("n1"), append(failovertest.MachineOn("n2"), failovertest.Put(g))...)...)
			s.Do(c.state...)
			wantVerdict(t, s, "n1", c.eligible, c.why)
		})
	}
}

func wantVerdict(t *testing.T, s *failovertest.Cell, node string, eligible bool, why string) {
	t.Helper()
	d := Plan(s.Store.View())[0]
	i := slices.IndexFunc(d.Verdicts, func(x cluster.Verdict) bool { return x.Node == node })
	if i < 0 {
		t.Fatalf("nothing is said of %s: %+v", node, d.Verdicts)
	}
	if x := d.Verdicts[i]; x.Eligible != eligible || x.Why != why || (x.Rank > 0) != eligible {
		t.Errorf("got  %v, rank %d: %s\nwant %v: %s", x.Eligible, x.Rank, x.Why, eligible, why)
	}
}

// TestPlanPassesOverStrangers holds that a node without an agent is no candidate, and that all groups are decided in the order of their names.
func TestPlanPassesOverStrangers(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	s.Do(failovertest.NodeCheck("n0", "ping", "ping", cluster.Passing, ""), failovertest.Put(failovertest.GroupOf("b", "10.0.0.101/24")), failovertest.Put(failovertest.GroupOf("a", "10.0.0.100/24")))
	s.Do(failovertest.Three()...)
	ds := Plan(s.Store.View())
	if len(ds) != 2 || ds[0].Group != "a" || ds[1].Group != "b" {
		t.Fatalf("decisions: %+v", ds)
	}
	if got := fmt.Sprint(ranks(ds[0])); got != "[n1:1 n2:2 n3:3]" {
		t.Errorf("verdicts: %s", got)
	}
}

func ranks(d cluster.Decision) []string {
	var out []string
	for _, x := range d.Verdicts {
		out = append(out, fmt.Sprintf("%s:%d", x.Node, x.Rank))
	}
	return out
}

// TestPlanHearsNews holds that a presence about to be committed counts instead of the one in the state.
func TestPlanHearsNews(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	s.Do(append(failovertest.Three(), failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))...)
	s.Assign("g", "n1", false)
	d := Plan(s.Store.View(), &cluster.Presence{Node: "n1", Why: "gone"}, &cluster.Presence{Node: "n2", Why: "gone too"})[0]
	if d.Node != "n3" || d.Why != "n1 cannot hold it: gone; n3 is the best machine left (eligible)" {
		t.Errorf("chose %q: %s", d.Node, d.Why)
	}
}

// TestPlanGroup holds that a group is decided as given, whatever the state has under its name.
func TestPlanGroup(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	s.Do(append(failovertest.Three(), failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))...)
	s.Assign("g", "n2", false)
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Preempt, g.Prefer = true, []string{"n3"}
	if d := PlanGroup(s.Store.View(), &g); d.Node != "n3" || d.Current != "n2" || d.Epoch != 1 {
		t.Errorf("decision: %+v", d)
	}
	h := failovertest.GroupOf("h", "10.0.0.101/24")
	if d := PlanGroup(s.Store.View(), &h); d.Node != "n1" || d.Current != "" || d.Epoch != 0 {
		t.Errorf("decision on a group that is not in the state: %+v", d)
	}
}
