package operator

import (
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/plan"
)

// desk is an operator's desk on a state in which n1 holds g and every machine has a network for it.
func desk(t *testing.T) (*failovertest.Cell, *Operator) {
	t.Helper()
	s := failovertest.NewCell(t, "n1")
	s.Do(failovertest.Three()...)
	for _, n := range []string{"n1", "n2", "n3"} {
		p := failovertest.PresenceOf(n, true, "live")
		p.Presences[0].Networks = []string{"eth0 10.0.0.1/24", "eth1 192.168.7.1/24"}
		s.Do(p)
	}
	s.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))
	s.Assign("g", "n1", false)
	return s, New(s, nil, Timing{})
}

// planOf is what the leader would decide.
func planOf(s *failovertest.Cell) []cluster.Decision {
	return plan.Plan(s.Store.View(), plan.Question{Now: time.Now()})
}

func TestMove(t *testing.T) {
	s, o := desk(t)
	a, err := o.Move(t.Context(), cluster.WriteOptions{}, "g", "N3")
	if err != nil || a.Node != "n3" || a.Epoch != 2 || !a.Moved || a.Why != "an operator moved it to n3" {
		t.Fatalf("%+v, %v", a, err)
	}
	if got := s.Assignment("g"); got.Node != "n3" || got.Epoch != 2 || !got.Moved || len(got.VIPs) != 1 {
		t.Errorf("the state has %+v", got)
	}
	if got := s.Told(cluster.TransitionAssign); len(got) != 1 || got[0] != a.Why {
		t.Errorf("the timeline says %q", got)
	}
	if d := planOf(s)[0]; d.Changed() {
		t.Errorf("the plan takes it back: %s", d.Why)
	}
	n := s.Written()
	if a, err := o.Move(t.Context(), cluster.WriteOptions{}, "g", "n3"); err != nil || a.Epoch != 2 || s.Written() != n {
		t.Errorf("to where it is: %+v, %v", a, err)
	}
}

// TestMoveToTheHolderPins has an operator choose the machine that holds the group anyway: it stays there, in the same epoch, even where
// the group preempts.
func TestMoveToTheHolderPins(t *testing.T) {
	s, o := desk(t)
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Prefer, g.Preempt = []string{"n2"}, true
	s.Do(failovertest.Put(g))
	if d := planOf(s)[0]; d.Node != "n2" {
		t.Fatalf("without the operator the plan wants %q: %s", d.Node, d.Why)
	}
	was := s.Assignment("g")
	a, err := o.Move(t.Context(), cluster.WriteOptions{}, "g", "n1")
	if err != nil || !a.Moved || a.Node != "n1" || a.Epoch != was.Epoch || a.Why != "an operator chose to keep it on n1" {
		t.Fatalf("%+v, %v", a, err)
	}
	got := s.Assignment("g")
	if !got.Moved || got.Node != "n1" || got.Epoch != was.Epoch || !got.Since.Equal(was.Since) || got.Why != a.Why {
		t.Errorf("the state has %+v", got)
	}
	if told := s.Told(cluster.TransitionAssign); len(told) != 1 || told[0] != a.Why {
		t.Errorf("the timeline says %q", told)
	}
	if d := planOf(s)[0]; d.Changed() {
		t.Errorf("the plan takes it away: %s", d.Why)
	}
	n := s.Written()
	if a, err := o.Move(t.Context(), cluster.WriteOptions{}, "g", "n1"); err != nil || !a.Moved || s.Written() != n {
		t.Errorf("once more: %+v, %v", a, err)
	}
	s.Do(failovertest.PresenceOf("n1", false, "it is lost"))
	if d := planOf(s)[0]; d.Node != "n2" {
		t.Errorf("lost, it is kept: %s", d.Why)
	}
}

func TestMoveRefuses(t *testing.T) {
	for _, c := range []struct {
		name        string
		state       []cluster.Command
		group, node string
		code        cluster.Code
		says        string
	}{
		{"no group", nil, "none", "n2", cluster.NotFound, `there is no group "none"`},
		{"no machine", nil, "g", "n9", cluster.NotFound, `there is no machine "n9"`},
		{"not eligible", []cluster.Command{failovertest.PresenceOf("n2", false, "it is lost")}, "g", "n2", cluster.Conflict, "n2 cannot hold g: it is lost"},
		{"addresses are changing", []cluster.Command{failovertest.Put(failovertest.GroupOf("g", "10.0.0.101/24"))}, "g", "n2", cluster.Conflict, "are being changed at this moment: try again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, o := desk(t)
			s.Do(c.state...)
			_, err := o.Move(t.Context(), cluster.WriteOptions{}, c.group, c.node)
			if err == nil || cluster.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%v)", err, cluster.CodeOf(err))
			}
			if s.Assignment("g").Node != "n1" {
				t.Error("it was moved all the same")
			}
		})
	}
}

// TestBudget holds what the worst cases consist of.
func TestBudget(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Service = "web"
	g.Effects.Runs = []cluster.Run{{Unit: "a.service", Timeout: time.Second}}
	s.Do(append(failovertest.Three(), failovertest.Put(g), failovertest.Instance("n1", "web", "web", cluster.Passing, ""))...)
	s.Do(&cluster.Register{Node: cluster.Node{Name: "n1", ID: "id-n1", Address: "10.0.0.1"}, Checks: []*cluster.Check{
		{Node: "n1", ID: "web-http", Name: "http", Status: cluster.Passing, ServiceID: "web", Type: "http", Interval: "2s", Timeout: "500ms"},
	}})
	s.Assign("g", "n1", false)
	got := map[string]time.Duration{}
	for _, b := range budgetOf(s.Store.View(), s.Store.View().Group("g"), 700*time.Millisecond, 300*time.Millisecond) {
		got[b.Cause] = b.Worst.Round(time.Millisecond)
		if b.What == "" || b.Why == "" || b.Group != "g" {
			t.Errorf("%+v", b)
		}
	}
	want := map[string]time.Duration{"machine": 1823, "leader": 2047, "daemon": 1298, "check http": 3540, "check web up": 1040, "move": 2030}
	for cause, ms := range want {
		if got[cause] != ms*time.Millisecond {
			t.Errorf("%s: %s, want %dms", cause, got[cause], ms)
		}
	}
}

func TestOperatorPlan(t *testing.T) {
	s, o := desk(t)
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Prefer, g.Preempt = []string{"n2"}, true
	a := failovertest.GroupOf("a", "192.168.7.9/24")
	ds, err := o.Plan(s.Store.View(), []cluster.Group{g, a}, cluster.Supposition{})
	if err != nil || len(ds) != 2 || ds[0].Group != "a" || ds[0].Node != "n2" || ds[1].Group != "g" || ds[1].Node != "n2" || ds[1].Current != "n1" {
		t.Errorf("%+v, %v", ds, err)
	}
	if ds, err := o.Plan(s.Store.View(), nil, cluster.Supposition{}); err != nil || len(ds) != 1 || ds[0].Changed() {
		t.Errorf("as it is: %+v, %v", ds, err)
	}
}

func TestOperatorPlanRefuses(t *testing.T) {
	named := failovertest.GroupOf("x", "10.9.9.9/24")
	named.VIPs[0].Interface = "eth7"
	for name, c := range map[string]struct {
		groups []cluster.Group
		says   string
	}{
		"twice":         {[]cluster.Group{failovertest.GroupOf("x", "10.0.0.1/24"), failovertest.GroupOf("x", "10.0.0.2/24")}, `group "x" is given twice`},
		"taken":         {[]cluster.Group{failovertest.GroupOf("x", "10.0.0.100/24")}, `group "x" wants the vip 10.0.0.100, which group "g" has`},
		"taken by both": {[]cluster.Group{failovertest.GroupOf("x", "10.0.0.7/24"), failovertest.GroupOf("y", "10.0.0.7/24")}, `group "y" wants the vip 10.0.0.7, which group "x" has`},
		"no network":    {[]cluster.Group{failovertest.GroupOf("x", "10.9.9.9/24")}, "the vip 10.9.9.9/24 lies in no network of any machine; they have: n1 eth0 10.0.0.1/24"},
		"no interface":  {[]cluster.Group{named}, `no machine has the interface "eth7" for the vip 10.9.9.9/24`},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := desk(t)
			if _, err := o.Plan(s.Store.View(), c.groups, cluster.Supposition{}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
