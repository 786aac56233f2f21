package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/plan"
)

// carryOut does as the plan says until it says nothing new, as the leader does.
func carryOut(t *testing.T, s *failovertest.Cell, now time.Time) {
	t.Helper()
	for range 10 {
		changed := false
		v := s.Store.View()
		for _, d := range plan.Plan(v, plan.Question{Now: now}) {
			old := v.Assignment(d.Group)
			if plan.Settled(old, &d, v.Group(d.Group)) {
				continue
			}
			changed = true
			x := plan.Assign(old, &d, v.Group(d.Group), now)
			s.Do(&cluster.Steer{Assignments: []cluster.Assignment{*x}})
		}
		if !changed {
			return
		}
	}
	t.Fatal("the plan does not settle")
}

// places is where the groups are, "g1:n1 g2:n2".
func places(s *failovertest.Cell) string {
	var out []string
	for _, a := range s.Store.View().Assignments() {
		out = append(out, a.Group+":"+a.Node)
	}
	return strings.Join(out, " ")
}

// TestPlacement holds where groups go that say something of one another.
func TestPlacement(t *testing.T) {
	group := func(name string, change func(*cluster.Group)) cluster.Command {
		g := failovertest.GroupOf(name, fmt.Sprintf("10.0.0.%d/24", name[0]))
		if change != nil {
			change(&g)
		}
		return failovertest.Put(g)
	}
	apart := func(names ...string) func(*cluster.Group) { return func(g *cluster.Group) { g.ApartFrom = names } }
	with := func(names ...string) func(*cluster.Group) { return func(g *cluster.Group) { g.TogetherWith = names } }
	lost := failovertest.PresenceOf("n1", false, "lost")
	for _, c := range []struct {
		name         string
		state        []cluster.Command
		first, later string // before and after n1 is lost
	}{
		{"spread", []cluster.Command{group("a", nil), group("b", nil), group("c", nil), group("d", nil)}, "a:n1 b:n2 c:n3 d:n1", "a:n2 b:n2 c:n3 d:n3"},
		{"heavy", []cluster.Command{group("a", func(g *cluster.Group) { g.Weight = 3 }), group("b", nil), group("c", nil), group("d", nil), group("e", nil)}, "a:n1 b:n2 c:n3 d:n2 e:n3", "a:n2 b:n2 c:n3 d:n2 e:n3"},
		{"prefer goes before load", []cluster.Command{group("a", nil), group("b", func(g *cluster.Group) { g.Prefer = []string{"n1"} })}, "a:n1 b:n1", "a:n2 b:n3"},
		{"apart", []cluster.Command{
			group("a", apart("b")), group("b", func(g *cluster.Group) { g.Prefer = []string{"n1"} }), group("c", func(g *cluster.Group) { g.ApartFrom, g.Prefer = []string{"a"}, []string{"n1"} }),
		}, "a:n1 b:n2 c:n3", "a:n2 b:n2 c:n3"},
		{"apart as far as it goes", []cluster.Command{group("a", apart("b", "c", "d")), group("b", apart("c", "d")), group("c", apart("d")), group("d", nil)}, "a:n1 b:n2 c:n3 d:n1", "a:n2 b:n2 c:n3 d:n3"},
		{"together", []cluster.Command{group("a", with("c")), group("b", nil), group("c", nil)}, "a:n1 b:n2 c:n1", "a:n3 b:n2 c:n3"},
		{"both together", []cluster.Command{group("a", with("b")), group("b", func(g *cluster.Group) { g.TogetherWith, g.Prefer = []string{"a"}, []string{"n3"} })}, "a:n3 b:n3", "a:n3 b:n3"},
		{"together follows", []cluster.Command{group("a", with("b")), group("b", func(g *cluster.Group) { g.Prefer = []string{"n1"} })}, "a:n1 b:n1", "a:n2 b:n2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := failovertest.NewCell(t, "n1")
			s.Do(append(failovertest.Three(), c.state...)...)
			carryOut(t, s, planned)
			if got := places(s); got != c.first {
				t.Errorf("first %s, want %s", got, c.first)
			}
			s.Do(lost)
			carryOut(t, s, planned)
			if got := places(s); got != c.later {
				t.Errorf("without n1 %s, want %s", got, c.later)
			}
		})
	}
}

// TestMachineWeight holds that a node's metadata says how much it takes.
func TestMachineWeight(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	s.Do(failovertest.Three()...)
	s.Do(&cluster.Register{Node: cluster.Node{Name: "n2", ID: "id-n2", Address: "10.0.0.1", Meta: map[string]string{plan.WeightKey: "4"}}})
	for i := range 6 {
		s.Do(failovertest.Put(failovertest.GroupOf(fmt.Sprintf("g%d", i), fmt.Sprintf("10.0.0.%d/24", 100+i))))
	}
	carryOut(t, s, planned)
	if n := strings.Count(places(s), "n2"); n != 4 {
		t.Errorf("%d of 6 groups on a machine of weight 4 among 1 and 1: %s", n, places(s))
	}
}

// TestHoldDown holds that a machine that falls again and again comes after the others, for longer each time, and is not left out where
// there is no other.
func TestHoldDown(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Prefer, g.Preempt = []string{"n1"}, true
	s.Do(append(failovertest.Three(), failovertest.Put(g))...)
	now := planned
	fall := func() {
		s.Do(failovertest.PresenceOf("n1", false, "lost"))
		carryOut(t, s, now)
		s.Do(failovertest.PresenceOf("n1", true, "its lease channel is live"))
	}
	back := func() time.Duration {
		t.Helper()
		d := plan.Plan(s.Store.View(), plan.Question{Now: now})[0]
		if d.Node == "n1" {
			carryOut(t, s, now)
			return 0
		}
		if d.Again.IsZero() || d.Again.Before(now) {
			t.Fatalf("nothing says when n1 may hold it again: %+v", d)
		}
		return d.Again.Sub(now)
	}
	carryOut(t, s, now)
	for i, want := range []time.Duration{0, 10 * time.Second, 20 * time.Second, 40 * time.Second} {
		fall()
		if got := back(); got != want {
			t.Fatalf("after fall %d it is held down for %s, want %s", i+1, got, want)
		}
		now = now.Add(want)
		if want > 0 && back() != 0 {
			t.Fatal("it is held down still")
		}
	}
	fall()
	d := plan.Plan(s.Store.View(), plan.Question{Now: now})[0]
	i := slices.IndexFunc(d.Verdicts, func(x cluster.Verdict) bool { return x.Node == "n1" })
	if want := "eligible, number 1 in prefer; it lost the group 5 times in a row and is held down until " + now.Add(80*time.Second).UTC().Format("15:04:05 UTC"); d.Verdicts[i].Why != want {
		t.Errorf("it says %q, want %q", d.Verdicts[i].Why, want)
	}
	s.Do(failovertest.PresenceOf("n2", false, "lost"), failovertest.PresenceOf("n3", false, "lost"))
	if d := plan.Plan(s.Store.View(), plan.Question{Now: now})[0]; d.Node != "n1" {
		t.Errorf("it is the only one, and the plan says %+v", d)
	}
	now = now.Add(time.Hour)
	s.Do(failovertest.PresenceOf("n2", true, "its lease channel is live"), failovertest.PresenceOf("n3", true, "its lease channel is live"))
	carryOut(t, s, now)
	fall()
	if got := back(); got != 0 {
		t.Errorf("an hour later a fall costs %s", got)
	}
}

// TestOrderlyIsNoFall holds that what people want of a machine is not held against it.
func TestOrderlyIsNoFall(t *testing.T) {
	for name, leave := range map[string]cluster.Command{
		"stop":        failovertest.PresenceOf("n1", false, cluster.StoppingWhy+"SIGTERM"),
		"maintenance": failovertest.NodeCheck("n1", cluster.NodeMaintenance, "", cluster.Critical, "disk"),
	} {
		t.Run(name, func(t *testing.T) {
			s := failovertest.NewCell(t, "n1")
			s.Do(append(failovertest.Three(), failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))...)
			carryOut(t, s, planned)
			s.Do(leave)
			carryOut(t, s, planned)
			if a := s.Assignment("g"); a.Node != "n2" || len(a.Falls) != 0 {
				t.Errorf("assignment: %+v", a)
			}
		})
	}
}

// TestPreemptDelay holds that a better machine waits, and that the wait begins again when it was not the better one for a moment.
func TestPreemptDelay(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Prefer, g.Preempt, g.PreemptDelay = []string{"n1"}, true, 30*time.Second
	s.Do(append(failovertest.Three(), failovertest.Put(g))...)
	s.Assign("g", "n2", false)
	now := planned
	look := func() cluster.Decision {
		d := plan.Plan(s.Store.View(), plan.Question{Now: now})[0]
		if w := plan.Awaits(s.Store.View().Assignment("g"), &d); w != nil {
			s.Do(w)
		}
		return d
	}
	if d := look(); d.Node != "n2" || !d.Again.Equal(now.Add(30*time.Second)) || !strings.HasSuffix(d.Why, "n1 is preferred and takes it at 00:17:10 UTC if nothing changes (preempt_delay 30s)") {
		t.Errorf("at first: %+v", d)
	}
	now = now.Add(20 * time.Second)
	if d := look(); d.Node != "n2" || !d.Again.Equal(planned.Add(30*time.Second)) {
		t.Errorf("after 20 s: %+v", d)
	}
	s.Do(failovertest.PresenceOf("n1", false, "lost"))
	look()
	s.Do(failovertest.PresenceOf("n1", true, "its lease channel is live"))
	now = now.Add(15 * time.Second)
	if d := look(); d.Node != "n2" || !d.Again.Equal(now.Add(30*time.Second)) {
		t.Errorf("back after it was lost: %+v", d)
	}
	now = now.Add(30 * time.Second)
	if d := look(); d.Node != "n1" {
		t.Errorf("after the delay: %+v", d)
	}
}

// TestSuppose holds what would be if a machine failed or a check were critical.
func TestSuppose(t *testing.T) {
	s := failovertest.NewCell(t, "n1")
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Service = "web"
	s.Do(append(failovertest.Three(), failovertest.Put(g))...)
	for _, n := range []string{"n1", "n2", "n3"} {
		s.Do(failovertest.Instance(n, "web", "web", cluster.Passing, ""))
	}
	s.Assign("g", "n1", false)
	for _, c := range []struct {
		suppose cluster.Supposition
		want    string
		why     string
	}{
		{cluster.Supposition{Failed: []string{"n1"}}, "n2", "n1 cannot hold it: it is supposed to have failed; n2"},
		{cluster.Supposition{Failed: []string{"n2"}}, "n1", "n1 holds it"},
		{cluster.Supposition{Failed: []string{"n2"}, Checks: map[string]map[string]cluster.Status{"n1": {"web": cluster.Critical}}}, "n3", `n1 cannot hold it: its service "web" is critical: check "web" (as is supposed); n3`},
		{cluster.Supposition{Failed: []string{"n1", "n2", "n3"}}, "", "no machine is eligible any more"},
	} {
		d := plan.Plan(s.Store.View(), plan.Question{Now: planned, Suppose: c.suppose})[0]
		if d.Node != c.want || !strings.HasPrefix(d.Why, c.why) {
			t.Errorf("%+v: %q, %s; want %q, %s", c.suppose, d.Node, d.Why, c.want, c.why)
		}
	}
}
