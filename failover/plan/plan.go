package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Question is what a plan is asked for, beside the View.
type Question struct {
	Now     time.Time
	News    []*cluster.Presence // count instead of those in the View: what the leader is about to commit with the plan
	Groups  []cluster.Group     // count instead of those of the same name, or come beside them
	Suppose cluster.Supposition
}

// Plan decides every group, in the order of the names.
func Plan(v *state.View, q Question) []cluster.Decision {
	w := newWorld(v, q)
	for _, s := range w.order() {
		w.decide(s)
	}
	out := make([]cluster.Decision, 0, len(w.seats))
	for _, s := range w.seats {
		out = append(out, s.decision)
	}
	return out
}

// Group decides all groups and answers for one, which need not be the one in the state.
func Group(v *state.View, g *cluster.Group, q Question) cluster.Decision {
	q.Groups = append(slices.Clone(q.Groups), *g)
	ds := Plan(v, q)
	return ds[slices.IndexFunc(ds, func(d cluster.Decision) bool { return d.Group == g.Name })]
}

// world is what a plan knows.
type world struct {
	now      time.Time
	machines []candidate // in the order of their names
	seats    []*seat     // in the order of the groups' names
	byName   map[string]*seat
	load     map[string]int // machine -> the weight of the groups that are on it as far as is decided
}

// seat is one group with what is decided of it.
type seat struct {
	group    *cluster.Group
	old      *cluster.Assignment // nil or without a node: nobody holds it
	verdicts []verdict
	decision cluster.Decision
	at       string // where it is, or, once decided, will be
	class    int    // 0: stays whatever happens; 1: needs a holder; 2: may choose
}

func newWorld(v *state.View, q Question) *world {
	w := &world{now: q.Now, byName: map[string]*seat{}, load: map[string]int{}}
	groups := slices.Clone(v.Groups())
	for i := range q.Groups {
		g := &q.Groups[i]
		groups = slices.DeleteFunc(groups, func(o *cluster.Group) bool { return o.Name == g.Name })
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *cluster.Group) int { return strings.Compare(a.Name, b.Name) })
	if len(groups) > 0 { // else nobody is woken by what becomes of the machines
		w.machines = candidates(v, q)
	}
	health := map[string]map[string]instanceHealth{}
	for _, g := range groups {
		if health[g.Service] == nil {
			health[g.Service] = serviceHealth(v, g.Service, q.Suppose)
		}
		s := &seat{group: g, old: v.Assignment(g.Name), decision: cluster.Decision{Group: g.Name, Planned: v.PlannedMove(g.Name)}}
		moved := false
		if s.old != nil {
			s.at, moved = s.old.Node, s.old.Moved
			s.decision.Current, s.decision.Epoch = s.old.Node, s.old.Epoch
		}
		stays := false
		for _, m := range w.machines {
			x := m.judge(g, health[g.Service], m.name == s.at)
			x.down(g, s.old, w.now)
			stays = stays || x.Node == s.at && x.Eligible
			s.verdicts = append(s.verdicts, x)
		}
		switch {
		case stays && (moved || !g.Preempt && len(g.TogetherWith) == 0):
			s.class = 0
		case stays:
			s.class = 2
		default:
			s.class = 1
		}
		if stays {
			w.load[s.at] += g.Heft()
		} else {
			s.at = ""
		}
		w.seats, w.byName[g.Name] = append(w.seats, s), s
	}
	return w
}

// order is the seats in the order in which they are decided.
func (w *world) order() []*seat {
	var out []*seat
	done := map[*seat]bool{}
	var visit func(s *seat)
	visit = func(s *seat) {
		if done[s] {
			return
		}
		done[s] = true // before the others: two that want each other end here
		for _, n := range s.group.TogetherWith {
			if o := w.byName[n]; o != nil && o.class == s.class {
				visit(o)
			}
		}
		out = append(out, s)
	}
	byClass := slices.Clone(w.seats)
	slices.SortStableFunc(byClass, func(a, b *seat) int { return cmp.Compare(a.class, b.class) })
	for _, s := range byClass {
		visit(s)
	}
	return out
}

// decide chooses the holder of one group, and notes it for those after it.
func (w *world) decide(s *seat) {
	if s.at != "" {
		w.load[s.at] -= s.group.Heft() // its own weight speaks for no machine
	}
	w.place(s)
	rank(s)
	d := &s.decision
	w.choose(s)
	s.at = d.Node
	if s.at != "" {
		w.load[s.at] += s.group.Heft()
	}
	s.changes()
	for _, x := range s.verdicts {
		d.Verdicts = append(d.Verdicts, x.Verdict)
	}
}
