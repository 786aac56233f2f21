package migrate

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// external is a node that no agent looks after, with what was registered for it. Its parts are as catalog/register takes them.
type external struct {
	Node     map[string]any
	Services map[string]map[string]any
	Checks   map[string]map[string]any
}

// serfHealth is the check that a node has whose agent the others watch.
const serfHealth = "serfHealth"

// readNodes reads the external nodes, and says what of the agents is left out.
func readNodes(ctx context.Context, there *verb.Client, inv *inventory) error {
	var nodes []struct{ Node string }
	if err := there.Do(ctx, http.MethodGet, "/v1/catalog/nodes", nil, nil, &nodes); err != nil {
		return err
	}
	self, err := identity(ctx, there)
	if err != nil {
		return err
	}
	var all []external
	for _, n := range nodes {
		x, err := readNode(ctx, there, n.Node)
		if err != nil {
			return err
		}
		if x != nil { // it may be gone meanwhile
			all = append(all, *x)
		}
	}
	inv.takeNodes(all, self.Config.NodeName)
	return nil
}

// takeNodes takes the external ones of all nodes, and names the services of agents but for one.
func (inv *inventory) takeNodes(all []external, agent string) {
	var others []string
	for _, x := range all {
		name, _ := x.Node["Node"].(string)
		switch {
		case x.Checks[serfHealth] == nil:
			inv.nodes = append(inv.nodes, x)
		case name != agent && len(x.own()) > 0:
			others = append(others, fmt.Sprintf("%s (%s)", name, strings.Join(x.own(), ", ")))
		}
	}
	if len(others) > 0 {
		inv.omit("services of other agents, which belong to the agents there: repeat this on %s", strings.Join(others, " and "))
	}
}

// own are the services of an agent's node that somebody has registered.
func (x *external) own() []string {
	ids := slices.Sorted(maps.Keys(x.Services))
	return slices.DeleteFunc(ids, func(id string) bool { return id == "consul" })
}

// readNode reads a node with its services and checks; nil where there is none.
func readNode(ctx context.Context, cl *verb.Client, name string) (*external, error) {
	var has *struct {
		Node     map[string]any
		Services map[string]map[string]any
	}
	if err := cl.Do(ctx, http.MethodGet, "/v1/catalog/node/"+url.PathEscape(name), nil, nil, &has); err != nil || has == nil {
		return nil, err
	}
	var checks []map[string]any
	if err := cl.Do(ctx, http.MethodGet, "/v1/health/node/"+url.PathEscape(name), nil, nil, &checks); err != nil {
		return nil, err
	}
	byID := map[string]map[string]any{}
	for _, c := range checks {
		id, _ := c["CheckID"].(string)
		byID[id] = c
	}
	x := newExternal(has.Node, has.Services, byID)
	return &x, nil
}

// newExternal is a node as catalog/register takes it, of what the API or a snapshot says about it.
func newExternal(node map[string]any, services, checks map[string]map[string]any) external {
	x := external{
		Node:     pick(node, "ID", "Node", "Address", "TaggedAddresses", "Meta"),
		Services: map[string]map[string]any{}, Checks: map[string]map[string]any{},
	}
	for id, s := range services {
		x.Services[id] = pick(s, "Kind", "ID", "Service", "Tags", "Address", "TaggedAddresses", "Meta", "Port", "SocketPath", "Weights", "EnableTagOverride")
	}
	for id, c := range checks {
		x.Checks[id] = pick(c, "Node", "CheckID", "Name", "Status", "Notes", "Output", "ServiceID", "Type", "Definition")
	}
	return x
}

// pick is some fields of an object, without those that say nothing.
func pick(from map[string]any, fields ...string) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		if v, ok := from[f]; ok && !nothing(v) {
			out[f] = v
		}
	}
	return out
}

// nothing is whether a value says nothing: it is absent in effect.
func nothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, e := range v {
			if !nothing(e) {
				return false
			}
		}
		return true
	}
	return false
}

// plainQuery is a prepared query without what the source has made of it.
func plainQuery(q map[string]any) map[string]any {
	out := pick(q, "Name", "Service", "DNS", "Template", "Token")
	if s, ok := out["Service"].(map[string]any); ok {
		out["Service"] = pick(s, slices.Collect(maps.Keys(s))...)
	}
	return out
}
