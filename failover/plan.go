package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Plan says of every group which machine should hold it, and why. It is a pure function of what the view holds: groups, assignments,
// presences, and the health of nodes and services. The result is in the order of the groups' names.
//
// The rules, strongest first:
//
//  1. A machine is eligible for a group while its lease channel is live, it can carry the group, it is not in maintenance, none of its
//     node checks is critical, and, where the group names a service, an instance of it on the machine is not critical. The node check
//     serfHealth takes no part: it is gossip's word on what the lease channel proves. It only counts like a warning where a new
//     holder is chosen.
//  2. The holder stays while it is eligible, unless the group preempts and a better machine is eligible. A holder that an operator chose
//     stays even then.
//  3. Otherwise the best machine takes over: passing before warning, then the order of prefer, then the others by name.
//
// A presence in news counts instead of the one in the view: it is what the leader is about to commit with the plan.
func Plan(v *state.View, news ...*cluster.Presence) []cluster.Decision {
	w := newWorld(v, news)
	var out []cluster.Decision
	for _, g := range v.Groups() {
		out = append(out, w.decide(v, g))
	}
	return out
}

// PlanGroup is Plan for one group, which need not be the one in the state: it answers what would be if it were.
func PlanGroup(v *state.View, g *cluster.Group) cluster.Decision {
	return newWorld(v, nil).decide(v, g)
}

// world is what Plan knows of the machines, whatever the group.
type world struct {
	machines []candidate // in the order of their names
}

type candidate struct {
	name     string
	presence *cluster.Presence // nil: it has never opened a lease channel
	health   *cluster.Check    // its worst node check that is not passing, nil for none; serfHealth aside
	unheard  bool              // gossip holds it failed
}

func newWorld(v *state.View, news []*cluster.Presence) *world {
	w := &world{}
	presences := map[string]*cluster.Presence{}
	for _, p := range slices.Concat(v.Presences(), news) {
		presences[p.Node] = p
	}
	for _, n := range v.Nodes() {
		m := candidate{name: n.Name, presence: presences[n.Name], health: worstNodeCheck(v, n.Name)}
		serf := serfHealth(v, n.Name)
		m.unheard = serf != nil && serf.Status == cluster.Critical
		if m.presence != nil || serf != nil {
			w.machines = append(w.machines, m)
		}
	}
	return w
}

// serfHealth is gossip's word on a node, nil where no agent runs on it: other nodes of the catalog cannot hold anything.
func serfHealth(v *state.View, node string) *cluster.Check {
	checks := v.NodeChecks(node)
	if i := slices.IndexFunc(checks, func(c *cluster.Check) bool { return c.ID == cluster.SerfHealth }); i >= 0 {
		return checks[i]
	}
	return nil
}

func worstNodeCheck(v *state.View, node string) *cluster.Check {
	var worst *cluster.Check
	for _, c := range v.NodeChecks(node) {
		if c.ServiceID == "" && c.ID != cluster.SerfHealth && (worst == nil || c.Status != worst.Status && c.Status.Worse(worst.Status) == c.Status) {
			worst = c
		}
	}
	if worst != nil && worst.Status == cluster.Passing {
		return nil
	}
	return worst
}

// verdict is a cluster.Verdict with what ranks it.
type verdict struct {
	cluster.Verdict
	status cluster.Status // of the machine and its instance, where eligible
}

func (w *world) decide(v *state.View, g *cluster.Group) cluster.Decision {
	d := cluster.Decision{Group: g.Name, Planned: v.PlannedMove(g.Name)}
	moved := false
	if a := v.Assignment(g.Name); a != nil {
		d.Current, d.Epoch, moved = a.Node, a.Epoch, a.Moved
	}
	instances := serviceHealth(v, g.Service)
	verdicts := make([]verdict, 0, len(w.machines))
	for _, m := range w.machines {
		verdicts = append(verdicts, m.judge(g, instances, m.name == d.Current))
	}
	rank(verdicts, g.Prefer)
	d.Node, d.Why = choose(g, d.Current, moved, verdicts)
	for _, x := range verdicts {
		d.Verdicts = append(d.Verdicts, x.Verdict)
	}
	return d
}

// instanceHealth is the best instance of a service on a node: a machine serves as long as one of its instances does.
type instanceHealth struct {
	status cluster.Status
	check  *cluster.Check // the worst check of that instance, nil where it has none
}

func serviceHealth(v *state.View, service string) map[string]instanceHealth {
	out := map[string]instanceHealth{}
	if service == "" {
		return out
	}
	for _, i := range v.ServiceInstances(service) {
		h := instanceHealth{status: cluster.Passing}
		for _, c := range i.Checks {
			if c.ServiceID != "" && h.status.Worse(c.Status) != h.status {
				h = instanceHealth{status: c.Status, check: c}
			}
		}
		old, known := out[i.Node.Name]
		if !known || h.status != old.status && h.status.Worse(old.status) == old.status {
			out[i.Node.Name] = h
		}
	}
	return out
}

// judge says whether the machine may hold the group, which it does if holds.
func (m candidate) judge(g *cluster.Group, instances map[string]instanceHealth, holds bool) verdict {
	no := func(format string, args ...any) verdict {
		return verdict{Verdict: cluster.Verdict{Node: m.name, Why: fmt.Sprintf(format, args...)}}
	}
	switch {
	case m.presence == nil:
		return no("it has not opened a lease channel to the leader yet")
	case !m.presence.Live:
		return no("%s", m.presence.Why)
	case m.presence.Unable[g.Name] != "":
		return no("%s", m.presence.Unable[g.Name])
	case m.health != nil && m.health.Status == cluster.Critical && m.health.ID == cluster.NodeMaintenance:
		return no("the machine is in maintenance: %s", m.health.Notes)
	case m.health != nil && m.health.Status == cluster.Critical:
		return no("its node check %q is critical%s", m.health.Name, quoteOutput(m.health.Output))
	}
	yes := verdict{Verdict: cluster.Verdict{Node: m.name, Eligible: true}, status: cluster.Passing}
	if m.unheard {
		yes.Why = "gossip holds it failed, but its lease channel is live"
		if !holds {
			yes.status = cluster.Warning
		}
	}
	if m.health != nil {
		yes.status, yes.Why = m.health.Status, fmt.Sprintf("its node check %q is %s", m.health.Name, m.health.Status)
	}
	if g.Service == "" {
		return yes
	}
	i, known := instances[m.name]
	switch {
	case !known:
		return no("it has no instance of the service %q", g.Service)
	case i.status == cluster.Critical:
		return no("its service %q is critical: check %q%s", g.Service, i.check.Name, quoteOutput(i.check.Output))
	case i.status == cluster.Warning:
		yes.status, yes.Why = cluster.Warning, fmt.Sprintf("its service %q warns: check %q%s", g.Service, i.check.Name, quoteOutput(i.check.Output))
	}
	return yes
}

// quoteOutput is the last line of a check's output, as the end of a sentence.
func quoteOutput(output string) string {
	output = strings.TrimSpace(output)
	if i := strings.LastIndexByte(output, '\n'); i >= 0 {
		output = output[i+1:]
	}
	if output == "" {
		return ""
	}
	if r := []rune(output); len(r) > 120 {
		output = string(r[:120]) + "…"
	}
	return fmt.Sprintf(" (%s)", output)
}

// rank puts the eligible machines first, best first, and numbers them.
func rank(verdicts []verdict, prefer []string) {
	place := func(node string) int {
		if i := slices.Index(prefer, node); i >= 0 {
			return i
		}
		return len(prefer)
	}
	slices.SortStableFunc(verdicts, func(a, b verdict) int {
		return cmp.Or(-compareBool(a.Eligible, b.Eligible), compareBool(a.status == cluster.Warning, b.status == cluster.Warning),
			cmp.Compare(place(a.Node), place(b.Node)), strings.Compare(a.Node, b.Node))
	})
	for i := range verdicts {
		x := &verdicts[i]
		if !x.Eligible {
			return
		}
		x.Rank = i + 1
		switch {
		case x.Why != "":
		case place(x.Node) < len(prefer):
			x.Why = fmt.Sprintf("eligible, number %d in prefer", place(x.Node)+1)
		default:
			x.Why = "eligible"
		}
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// choose picks the holder from the ranked verdicts, and says why in a sentence.
func choose(g *cluster.Group, current string, moved bool, verdicts []verdict) (node, why string) {
	holder := slices.IndexFunc(verdicts, func(x verdict) bool { return x.Node == current })
	stays := holder >= 0 && verdicts[holder].Eligible
	switch {
	case len(verdicts) == 0 || !verdicts[0].Eligible:
		if current == "" {
			return "", "no machine is eligible"
		}
		return "", "no machine is eligible any more; " + leaving(current, holder, verdicts)
	case stays && moved:
		return current, current + " holds it: an operator moved it there, and it is eligible"
	case stays && holder == 0:
		return current, fmt.Sprintf("%s holds it and is the best machine: %s", current, verdicts[0].Why)
	case stays && !g.Preempt:
		return current, fmt.Sprintf("%s holds it and is eligible; %s would be preferred, but the group does not preempt", current, verdicts[0].Node)
	}
	best := verdicts[0]
	switch {
	case stays:
		return best.Node, fmt.Sprintf("%s is preferred to %s (%s), and the group preempts", best.Node, current, best.Why)
	case current != "":
		return best.Node, fmt.Sprintf("%s; %s is the best machine left (%s)", leaving(current, holder, verdicts), best.Node, best.Why)
	}
	return best.Node, fmt.Sprintf("%s is the best machine (%s)", best.Node, best.Why)
}

// leaving says why the holder cannot stay.
func leaving(current string, holder int, verdicts []verdict) string {
	if holder < 0 {
		return current + " is no member any more"
	}
	return fmt.Sprintf("%s cannot hold it: %s", current, verdicts[holder].Why)
}
