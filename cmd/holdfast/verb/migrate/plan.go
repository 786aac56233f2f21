package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"holdfast/cmd/holdfast/verb"
)

// tally is how many of one kind are new here, differ from what is here, and are the same.
type tally struct{ New, Changed, Same int }

// program is what is to be written, and what is not.
type program struct {
	From     string
	Keys     tally
	Nodes    tally
	Services tally
	Checks   tally
	Queries  tally
	LeftOut  []string

	keys     []kvEntry
	nodes    []external
	services []service
	checks   []map[string]any
	queries  []query
}

// query is a prepared query, and the ID of the one here that it replaces, "" for a new one.
type query struct {
	body map[string]any
	id   string
}

// maxValue is the largest value that a key may have here by default.
const maxValue = 512 << 10

// plan compares what was found with what is here.
func plan(ctx context.Context, here *verb.Client, inv *inventory) (*program, error) {
	p := &program{From: inv.from, LeftOut: inv.leftOut}
	for _, part := range []func(context.Context, *verb.Client, *inventory) error{p.planKeys, p.planNodes, p.planLocal, p.planQueries} {
		if err := part(ctx, here, inv); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *program) planKeys(ctx context.Context, here *verb.Client, inv *inventory) error {
	var have []kvEntry
	if err := here.Patient().Do(ctx, http.MethodGet, "/v1/kv/", url.Values{"recurse": {""}}, nil, &have); err != nil && !isMissing(err) {
		return err
	}
	byKey := make(map[string]*kvEntry, len(have))
	for i := range have {
		byKey[have[i].Key] = &have[i]
	}
	for _, e := range inv.keys {
		old := byKey[e.Key]
		switch {
		case !utf8.ValidString(e.Key):
			p.omit("key %q: it is not UTF-8, which the API needs", e.Key)
			continue
		case len(e.Value) > maxValue:
			p.omit("key %s: its value has %d bytes, and at most %d are taken", e.Key, len(e.Value), maxValue)
			continue
		case old == nil:
			p.Keys.New++
		case old.Flags == e.Flags && bytes.Equal(old.Value, e.Value):
			p.Keys.Same++
			continue
		default:
			p.Keys.Changed++
		}
		p.keys = append(p.keys, e)
	}
	return nil
}

func (p *program) planNodes(ctx context.Context, here *verb.Client, inv *inventory) error {
	for _, x := range inv.nodes {
		name, _ := x.Node["Node"].(string)
		old, err := readNode(ctx, here, name)
		if err != nil {
			return err
		}
		switch {
		case old == nil:
			p.Nodes.New++
		case old.Checks[serfHealth] != nil:
			p.omit("node %s: a member of this cluster has its name", name)
			continue
		case same(x.within(old), x):
			p.Nodes.Same++
			continue
		default:
			p.Nodes.Changed++
		}
		p.nodes = append(p.nodes, x)
	}
	return nil
}

// within is what another node has of what this one has: what was added there since counts as no difference.
func (x *external) within(other *external) external {
	out := external{Node: other.Node, Services: map[string]map[string]any{}, Checks: map[string]map[string]any{}}
	for id := range x.Services {
		if s := other.Services[id]; s != nil {
			out.Services[id] = s
		}
	}
	for id := range x.Checks {
		if c := other.Checks[id]; c != nil {
			out.Checks[id] = c
		}
	}
	return out
}

// same is whether two values are the same in JSON.
func same(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && bytes.Equal(x, y)
}

// planLocal takes the services and checks that the agent here does not have. One that it has, from its config files or from a program, is its own.
func (p *program) planLocal(ctx context.Context, here *verb.Client, inv *inventory) error {
	if len(inv.services)+len(inv.checks) == 0 {
		return nil
	}
	var services, checks map[string]any
	var self struct {
		DebugConfig struct{ EnableRemoteScriptChecks bool }
	}
	for path, out := range map[string]any{"/v1/agent/services": &services, "/v1/agent/checks": &checks, "/v1/agent/self": &self} {
		if err := here.Do(ctx, http.MethodGet, path, nil, nil, out); err != nil {
			return err
		}
	}
	scripts := self.DebugConfig.EnableRemoteScriptChecks
	const refused = "%s %s: it has the agent run a program, which the API here does not take: set enable_script_checks = true in this agent's config first"
	for _, s := range inv.services {
		switch id := s.id(); {
		case services[id] != nil:
			p.Services.Same++
		case !scripts && s.runsPrograms():
			p.omit(refused, "service", id)
		default:
			p.Services.New++
			p.services = append(p.services, s)
		}
	}
	for _, c := range inv.checks {
		of, _ := c["ServiceID"].(string)
		switch id := c["ID"]; {
		case checks[fmt.Sprint(id)] != nil:
			p.Checks.Same++
		case !scripts && c["ScriptArgs"] != nil:
			p.omit(refused, "check", id)
		case of != "" && services[of] == nil:
			p.omit("check %v: its service %s is not here yet: repeat this when its config files are", id, of)
		default:
			p.Checks.New++
			p.checks = append(p.checks, c)
		}
	}
	return nil
}

func (p *program) omit(format string, args ...any) {
	p.LeftOut = append(p.LeftOut, fmt.Sprintf(format, args...))
}

// planQueries compares queries by their names, and those without one by all that they say.
func (p *program) planQueries(ctx context.Context, here *verb.Client, inv *inventory) error {
	if len(inv.queries) == 0 {
		return nil
	}
	var have []map[string]any
	if err := here.Do(ctx, http.MethodGet, "/v1/query", nil, nil, &have); err != nil {
		return err
	}
	for _, q := range inv.queries {
		id, found := "", false
		for _, old := range have {
			plain := plainQuery(old)
			if same(plain, q) {
				found = true
			} else if q["Name"] != nil && q["Name"] == plain["Name"] {
				id, _ = old["ID"].(string)
			}
		}
		switch {
		case found:
			p.Queries.Same++
			continue
		case id != "":
			p.Queries.Changed++
		default:
			p.Queries.New++
		}
		p.queries = append(p.queries, query{q, id})
	}
	return nil
}

func (p *program) empty() bool {
	return len(p.keys)+len(p.nodes)+len(p.services)+len(p.checks)+len(p.queries) == 0
}

// written says what was written.
func (p *program) written() []string {
	var out []string
	for _, w := range []struct {
		n    int
		noun string
	}{{len(p.keys), "key"}, {len(p.nodes), "external node"}, {len(p.services), "service"}, {len(p.checks), "check"}, {len(p.queries), "prepared query"}} {
		if w.n > 0 {
			out = append(out, count(w.n, w.noun))
		}
	}
	return out
}

// print shows the plan.
func (p *program) print(c *verb.Console, inv *inventory) error {
	fmt.Fprintf(c.Out, "From: %s\n\n", inv.from)
	var rows [][]string
	for _, r := range []struct {
		what string
		t    tally
	}{{"keys", p.Keys}, {"external nodes", p.Nodes}, {"services of the agent", p.Services}, {"other checks of the agent", p.Checks}, {"prepared queries", p.Queries}} {
		rows = append(rows, []string{r.what, strconv.Itoa(r.t.New), strconv.Itoa(r.t.Changed), strconv.Itoa(r.t.Same)})
	}
	if err := verb.Table(c.Out, []string{"What", "New", "Changed", "Same"}, rows); err != nil {
		return err
	}
	if len(p.LeftOut) > 0 {
		fmt.Fprintln(c.Out, "\nLeft out:")
	}
	for _, why := range p.LeftOut {
		fmt.Fprintf(c.Out, "  - %s\n", why)
	}
	_, err := fmt.Fprintln(c.Out)
	return err
}
