package plan_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
)

// FuzzPlan builds a state out of bytes and holds what every plan must keep: it is the same each time, it never chooses a machine that is
// not eligible, it chooses one whenever there is one, it follows its own ranking, and doing as it says comes to an end: at once where no
// group may choose.
func FuzzPlan(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add([]byte{255, 0, 255, 0, 255, 0, 128, 64, 32, 16, 8, 4, 2, 1, 77, 99, 3, 3, 3, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 200 {
			return
		}
		s := failovertest.NewCell(t, "n1")
		build(s, b)
		v := s.Store.View()
		ds := Plan(v)
		if !reflect.DeepEqual(ds, Plan(s.Store.View())) {
			t.Fatal("two plans of one state differ")
		}
		for _, d := range ds {
			keepsItsWord(t, v.Group(d.Group), d)
			if d.Changed() {
				s.Assign(d.Group, d.Node, false)
			}
		}
		settles(t, s)
	})
}

// settles does as the plan says, again and again, until it says nothing new.
func settles(t *testing.T, s *failovertest.Cell) {
	t.Helper()
	for round := range 10 {
		calm := true
		for _, d := range Plan(s.Store.View()) {
			if !d.Changed() {
				continue
			}
			calm = false
			g := s.Store.View().Group(d.Group)
			if !g.Preempt && len(g.TogetherWith) == 0 || round == 9 {
				t.Errorf("after doing as it said %d times, %s would go from %q to %q: %s", round+1, d.Group, d.Current, d.Node, d.Why)
			}
			s.Assign(d.Group, d.Node, false)
		}
		if calm {
			return
		}
	}
}

// keepsItsWord holds one decision against its own verdicts.
func keepsItsWord(t *testing.T, g *cluster.Group, d cluster.Decision) {
	t.Helper()
	eligible := 0
	for i, x := range d.Verdicts {
		if x.Eligible {
			eligible++
		}
		if x.Why == "" || x.Eligible != (x.Rank > 0) || x.Eligible && x.Rank != i+1 {
			t.Errorf("%s: verdict %d: %+v", d.Group, i, x)
		}
	}
	at := slices.IndexFunc(d.Verdicts, func(x cluster.Verdict) bool { return x.Node == d.Node })
	switch {
	case d.Why == "":
		t.Errorf("%s: no reason", d.Group)
	case eligible == 0 && d.Node != "":
		t.Errorf("%s goes to %s, but no machine is eligible", d.Group, d.Node)
	case eligible == 0:
	case at < 0 || !d.Verdicts[at].Eligible:
		t.Errorf("%s goes to %q, which is not eligible: %+v", d.Group, d.Node, d.Verdicts)
	case d.Changed() && at != 0:
		t.Errorf("%s goes to %s, but %s is better", d.Group, d.Node, d.Verdicts[0].Node)
	case d.Changed() && !g.Preempt && len(g.TogetherWith) == 0 && slices.ContainsFunc(d.Verdicts, func(x cluster.Verdict) bool { return x.Node == d.Current && x.Eligible }):
		t.Errorf("%s leaves %s, which is eligible, and does not preempt", d.Group, d.Current)
	}
}

// build makes a state as the bytes say.
func build(s *failovertest.Cell, b []byte) {
	next := func(n int) int {
		if len(b) == 0 {
			return 0
		}
		x := int(b[0])
		b = b[1:]
		return x % n
	}
	statuses := []cluster.Status{cluster.Passing, cluster.Warning, cluster.Critical}
	nodes := 1 + next(4)
	name := func(i int) string { return fmt.Sprintf("n%d", i+1) }
	for i := range nodes {
		s.Do(failovertest.MachineOn(name(i))...)
		switch next(6) {
		case 0:
			s.Do(failovertest.PresenceOf(name(i), false, "lost"))
		case 1:
			s.Do(failovertest.Unable(name(i), "g1", "no interface"))
		case 2:
			s.Do(failovertest.NodeCheck(name(i), "c", "c", statuses[next(3)], "out"))
		case 3:
			s.Do(failovertest.NodeCheck(name(i), cluster.NodeMaintenance, "", cluster.Critical, "why"))
		}
		for k := range next(3) {
			s.Do(failovertest.Instance(name(i), fmt.Sprintf("w%d", k), "web", statuses[next(3)], ""))
		}
	}
	for k := range 1 + next(6) {
		g := failovertest.GroupOf(fmt.Sprintf("g%d", k+1), fmt.Sprintf("10.0.0.%d/24", 100+k))
		g.Preempt = next(2) == 1
		g.Service = []string{"", "web"}[next(2)]
		if o := fmt.Sprintf("g%d", 1+next(6)); o != g.Name {
			switch next(4) {
			case 0:
				g.ApartFrom = []string{o}
			case 1:
				g.TogetherWith = []string{o}
			}
		}
		g.Weight = next(3)
		for i := range nodes {
			if next(3) == 0 {
				g.Prefer = append(g.Prefer, name(nodes-1-i))
			}
		}
		s.Do(failovertest.Put(g))
		if holder := next(nodes + 2); holder < nodes+1 {
			s.Assign(g.Name, name(holder), next(2) == 1) // the last name is no member
		}
	}
}
