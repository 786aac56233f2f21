package migrate

import (
	"cmp"
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
	var others []string
	for _, n := range nodes {
		x, err := readNode(ctx, there, n.Node)
		if err != nil {
			return err
		}
		switch {
		case x == nil: // gone meanwhile
		case x.Checks[serfHealth] == nil:
			inv.nodes = append(inv.nodes, *x)
		case n.Node != self.Config.NodeName && len(x.own()) > 0:
			others = append(others, fmt.Sprintf("%s (%s)", n.Node, strings.Join(x.own(), ", ")))
		}
	}
	if len(others) > 0 {
		inv.leftOut = append(inv.leftOut, "services of other agents, which belong to the agents there: repeat this on "+strings.Join(others, " and "))
	}
	return nil
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
	x := &external{
		Node:     pick(has.Node, "ID", "Node", "Address", "TaggedAddresses", "Meta"),
		Services: map[string]map[string]any{}, Checks: map[string]map[string]any{},
	}
	for id, s := range has.Services {
		x.Services[id] = pick(s, "Kind", "ID", "Service", "Tags", "Address", "TaggedAddresses", "Meta", "Port", "SocketPath", "Weights", "EnableTagOverride")
	}
	for _, c := range checks {
		id, _ := c["CheckID"].(string)
		x.Checks[id] = pick(c, "Node", "CheckID", "Name", "Status", "Notes", "Output", "ServiceID", "Type", "Definition")
	}
	return x, nil
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

// readServices reads the services of the agent that is asked, with those of their checks that it describes.
func readServices(ctx context.Context, there *verb.Client, inv *inventory) error {
	var services, checks map[string]map[string]any
	if err := there.Do(ctx, http.MethodGet, "/v1/agent/services", nil, nil, &services); err != nil {
		return err
	}
	if err := there.Do(ctx, http.MethodGet, "/v1/agent/checks", nil, nil, &checks); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(services)) {
		s := pick(services[id], "ID", "Tags", "Address", "TaggedAddresses", "Meta", "Port", "SocketPath", "Weights", "EnableTagOverride")
		s["Name"] = services[id]["Service"]
		if kind, _ := services[id]["Kind"].(string); kind != "" {
			inv.leftOut = append(inv.leftOut, fmt.Sprintf("service %s of kind %s: Holdfast has no service mesh", id, kind))
			continue
		}
		defined, unknown := checksOf(id, checks)
		if len(unknown) > 0 {
			inv.leftOut = append(inv.leftOut, fmt.Sprintf("service %s: the API does not tell what its checks do (%s), and without them it would count as healthy: take it from the agent's config files, or register it again", id, strings.Join(unknown, ", ")))
			continue
		}
		if len(defined) > 0 {
			s["Checks"] = defined
		}
		inv.services = append(inv.services, s)
	}
	for _, id := range slices.Sorted(maps.Keys(checks)) {
		if of, _ := checks[id]["ServiceID"].(string); of == "" {
			inv.leftOut = append(inv.leftOut, fmt.Sprintf("check %s of the machine: take it from the agent's config files", id))
		}
	}
	return nil
}

// checksOf is the checks of a service as they are registered, and what is not known of others.
func checksOf(service string, all map[string]map[string]any) (defined []any, unknown []string) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		if of, _ := c["ServiceID"].(string); of != service || strings.HasPrefix(id, "_service_maintenance:") {
			continue
		}
		def, _ := c["Definition"].(map[string]any)
		if what := pick(def, "HTTP", "TCP", "UDP", "GRPC", "H2PING", "AliasService", "AliasNode"); len(what) == 0 {
			kind, _ := c["Type"].(string)
			unknown = append(unknown, cmp.Or(kind, "of a kind that it does not tell"))
			continue
		}
		check := pick(def, "HTTP", "Header", "Method", "Body", "TLSServerName", "TLSSkipVerify", "TCP", "TCPUseTLS", "UDP", "GRPC", "GRPCUseTLS",
			"H2PING", "Interval", "Timeout", "DeregisterCriticalServiceAfter", "AliasNode", "AliasService")
		check["CheckID"], check["Name"], check["Status"] = id, c["Name"], c["Status"]
		defined = append(defined, check)
	}
	return defined, unknown
}

// plainQuery is a prepared query without what the source has made of it.
func plainQuery(q map[string]any) map[string]any {
	out := pick(q, "Name", "Service", "DNS", "Template", "Token")
	if s, ok := out["Service"].(map[string]any); ok {
		out["Service"] = pick(s, slices.Collect(maps.Keys(s))...)
	}
	return out
}
