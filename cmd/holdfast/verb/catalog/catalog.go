// Package catalog is the verbs that read the catalog: the nodes, the services and the datacenters that the cluster knows.
package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"holdfast/cmd/holdfast/verb"
)

// Verb is the catalog family.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "catalog", Args: "datacenters|nodes|services", Short: "list what the cluster knows",
		Subs: []verb.Verb{
			{Name: "catalog datacenters", Short: "list the datacenters", Run: datacenters, Examples: []string{"catalog datacenters"}},
			{
				Name: "catalog nodes", Short: "list the nodes, or those that have a service", Run: nodes,
				Long: "    holdfast catalog nodes -detailed\n    holdfast catalog nodes -service=web\n    holdfast catalog nodes -node-meta=rack=a -near=_agent\n" +
					"    holdfast catalog nodes -filter 'Meta.rack == a'",
			},
			{
				Name: "catalog services", Short: "list the services, or those of a node", Run: services,
				Long: "    holdfast catalog services -tags\n    holdfast catalog services -node=n1",
			},
		},
	}
}

func datacenters(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/catalog/datacenters", nil, verb.WantArgs(fs, 0, 0, "no arguments")
	}, func(c *verb.Console, names []string) error {
		for _, n := range names {
			fmt.Fprintln(c.Out, n)
		}
		return nil
	})
}

// node is one row of /v1/catalog/nodes, or of /v1/catalog/service/NAME.
type node struct {
	ID, Node, Address, Datacenter string
	TaggedAddresses               map[string]string
	Meta, NodeMeta                map[string]string
}

func nodes(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	detailed := fs.Bool("detailed", false, "print whole IDs, all addresses and the metadata")
	near := fs.String("near", "", "sort by the round-trip time from this `node`; _agent is the agent's own")
	service := fs.String("service", "", "only nodes that have this `service`")
	filter := fs.String("filter", "", "only nodes that this `expression` holds for")
	var meta verb.Pairs
	fs.Var(&meta, "node-meta", "only nodes with this `KEY=VALUE` in their metadata; may be repeated")
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		q := url.Values{"node-meta": meta.Query()}
		if *near != "" {
			q.Set("near", *near)
		}
		if *filter != "" {
			q.Set("filter", *filter)
		}
		at := "/v1/catalog/nodes"
		if *service != "" {
			at = "/v1/catalog/service/" + url.PathEscape(*service)
		}
		return at, q, verb.WantArgs(fs, 0, 0, "no arguments")
	}, func(c *verb.Console, ns []node) error { return printNodes(c, ns, *detailed) })
}

func printNodes(c *verb.Console, ns []node, detailed bool) error {
	if len(ns) == 0 {
		_, err := fmt.Fprintln(c.Err, "No nodes match the given query - try expanding your search.")
		return err
	}
	head := []string{"Node", "ID", "Address", "DC"}
	if detailed {
		head = append(head, "TaggedAddresses", "Meta")
	}
	var rows [][]string
	seen := map[string]bool{} // a node stands in the list of a service as often as it has an instance
	for _, n := range ns {
		if seen[n.Node] {
			continue
		}
		seen[n.Node] = true
		id, _, _ := strings.Cut(n.ID, "-")
		row := []string{n.Node, id, n.Address, n.Datacenter}
		if detailed {
			meta := n.Meta
			if n.NodeMeta != nil {
				meta = n.NodeMeta
			}
			row = []string{n.Node, n.ID, n.Address, n.Datacenter, pairs(n.TaggedAddresses), pairs(meta)}
		}
		rows = append(rows, row)
	}
	return verb.Table(c.Out, head, rows)
}

func pairs(m map[string]string) string {
	out := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ", ")
}

func services(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	of := fs.String("node", "", "only the services of this `node`, by name or ID")
	tags := fs.Bool("tags", false, "print the tags of each service")
	var meta verb.Pairs
	fs.Var(&meta, "node-meta", "only services of nodes with this `KEY=VALUE` in their metadata; may be repeated")
	var format verb.FormatFlag
	format.Register(fs)
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	found := map[string][]string{}
	if *of != "" {
		err = servicesOf(ctx, cl, *of, found)
	} else {
		err = cl.Do(ctx, http.MethodGet, "/v1/catalog/services", url.Values{"node-meta": meta.Query()}, nil, &found)
	}
	switch {
	case err != nil:
		return err
	case format.JSON:
		b, err := json.Marshal(found)
		if err != nil {
			return err
		}
		return verb.PrintJSON(c.Out, b)
	case len(found) == 0:
		_, err := fmt.Fprintln(c.Err, "No services match the given query - try expanding your search.")
		return err
	}
	t := tabwriter.NewWriter(c.Out, 0, 2, 6, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if *tags {
			slices.Sort(found[name])
			fmt.Fprintf(t, "%s\t%s\n", name, strings.Join(found[name], ","))
		} else {
			fmt.Fprintln(t, name)
		}
	}
	return t.Flush()
}

// servicesOf adds the services of one node, each with the tags of all its instances.
func servicesOf(ctx context.Context, cl *verb.Client, node string, found map[string][]string) error {
	var has *struct {
		Services map[string]struct {
			Service string
			Tags    []string
		}
	}
	if err := cl.Do(ctx, http.MethodGet, "/v1/catalog/node/"+url.PathEscape(node), nil, nil, &has); err != nil {
		return err
	}
	if has == nil {
		return nil
	}
	for _, s := range has.Services {
		found[s.Service] = slices.Compact(slices.SortedFunc(slices.Values(append(found[s.Service], s.Tags...)), cmp.Compare[string]))
	}
	return nil
}
