package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

type candidate struct {
	name     string
	presence *cluster.Presence // nil: it has never opened a lease channel
	health   *cluster.Check    // its worst node check that is not passing, nil for none; serfHealth aside
	unheard  bool              // gossip holds it failed
	weight   int
}

// WeightKey is the key of a node's metadata that says how many groups it takes in relation to others.
const WeightKey = "failover_weight"

func candidates(v *state.View, q Question) []candidate {
	var out []candidate
	presences := map[string]*cluster.Presence{}
	for _, p := range slices.Concat(v.Presences(), q.News) {
		presences[p.Node] = p
	}
	for _, n := range v.Nodes() {
		m := candidate{name: n.Name, presence: presences[n.Name], health: worstNodeCheck(v, n.Name, q.Suppose.Checks[n.Name]), weight: 1}
		if slices.Contains(q.Suppose.Failed, n.Name) && m.presence != nil {
			p := *m.presence
			p.Live, p.Why = false, "it is supposed to have failed"
			m.presence = &p
		}
		if w, err := strconv.Atoi(n.Meta[WeightKey]); err == nil && w > 0 {
			m.weight = w
		}
		serf := serfHealth(v, n.Name)
		m.unheard = serf != nil && serf.Status == cluster.Critical
		if m.presence != nil || serf != nil {
			out = append(out, m)
		}
	}
	return out
}

// serfHealth is gossip's word on a node, nil where no agent runs on it: other nodes of the catalog cannot hold anything.
func serfHealth(v *state.View, node string) *cluster.Check {
	checks := v.NodeChecks(node)
	if i := slices.IndexFunc(checks, func(c *cluster.Check) bool { return c.ID == cluster.SerfHealth }); i >= 0 {
		return checks[i]
	}
	return nil
}

func worstNodeCheck(v *state.View, node string, supposed map[string]cluster.Status) *cluster.Check {
	var worst *cluster.Check
	for _, c := range v.NodeChecks(node) {
		c = suppose(c, supposed)
		if c.ServiceID == "" && c.ID != cluster.SerfHealth && (worst == nil || c.Status != worst.Status && c.Status.Worse(worst.Status) == c.Status) {
			worst = c
		}
	}
	if worst != nil && worst.Status == cluster.Passing {
		return nil
	}
	return worst
}

// suppose is the check as it is supposed to be.
func suppose(c *cluster.Check, supposed map[string]cluster.Status) *cluster.Check {
	s, known := supposed[c.ID]
	if !known {
		s, known = supposed[c.Name]
	}
	if !known {
		return c
	}
	x := *c
	x.Status, x.Output = s, "as is supposed"
	return &x
}

// verdict is a cluster.Verdict with what ranks it.
type verdict struct {
	cluster.Verdict
	status   cluster.Status // of the machine and its instance, where eligible
	fall     string         // why it is held down, "" where it is not
	until    time.Time      // of that
	apart    string         // a group on it that this one is to be apart from
	together string         // a group on it that this one is to be together with
	load     int            // of the machine without this group
	weight   int
	holds    bool
	remedy   string // what would make it eligible, where it is not
	orderly  bool   // it is not eligible because somebody wants it so
}

// instanceHealth is the best instance of a service on a node: a machine serves as long as one of its instances does.
type instanceHealth struct {
	status cluster.Status
	check  *cluster.Check // the worst check of that instance, nil where it has none
}

func serviceHealth(v *state.View, service string, sup cluster.Supposition) map[string]instanceHealth {
	out := map[string]instanceHealth{}
	if service == "" {
		return out
	}
	for _, i := range v.ServiceInstances(service) {
		h := instanceHealth{status: cluster.Passing}
		if s, supposed := sup.Checks[i.Node.Name][service]; supposed {
			out[i.Node.Name] = instanceHealth{status: s, check: &cluster.Check{Name: service, Output: "as is supposed"}}
			continue
		}
		for _, c := range i.Checks {
			c = suppose(c, sup.Checks[i.Node.Name])
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
	no := func(remedy, format string, args ...any) verdict {
		return verdict{Verdict: cluster.Verdict{Node: m.name, Why: fmt.Sprintf(format, args...)}, weight: m.weight, holds: holds, remedy: remedy}
	}
	switch {
	case m.presence == nil:
		return no("its daemon must run, and reach the leader on its RPC port", "it has not opened a lease channel to the leader yet")
	case !m.presence.Live:
		x := no("its daemon must run, and be heard by the leader", "%s", m.presence.Why)
		x.orderly = m.presence.Leaving()
		return x
	case m.presence.Hinders(g.Name) != "":
		return no("what hinders it must be mended", "%s", m.presence.Hinders(g.Name))
	case m.health != nil && m.health.Status == cluster.Critical && m.health.ID == cluster.NodeMaintenance:
		x := no("holdfast maint -disable, on it", "the machine is in maintenance: %s", m.health.Notes)
		x.orderly = true
		return x
	case m.health != nil && m.health.Status == cluster.Critical:
		return no("the check must pass", "its node check %q is critical%s", m.health.Name, quoteOutput(m.health.Output))
	}
	yes := verdict{Verdict: cluster.Verdict{Node: m.name, Eligible: true}, status: cluster.Passing, weight: m.weight, holds: holds}
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
		return no("the service must be registered there", "it has no instance of the service %q", g.Service)
	case i.status == cluster.Critical:
		return no("the check must pass", "its service %q is critical: check %q%s", g.Service, i.check.Name, quoteOutput(i.check.Output))
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
