package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"holdfast/cmd/holdfast/config"
	"holdfast/httpapi"
)

// groupVerbs are the verbs below `holdfast group`.
func groupVerbs() []verb {
	return []verb{
		{"apply", "FILE", "create or change the groups of a config file", groupApply},
		{"plan", "[FILE]", "say what would move, with the groups of FILE or as they are; changes nothing", groupPlan},
		{"list", "", "list the groups and their holders", groupList},
		{"show", "GROUP", "show one group", groupShow},
		{"move", "GROUP NODE", "move a group to a machine", groupMove},
		{"delete", "GROUP", "delete a group and take its addresses off the network", groupDelete},
	}
}

func runGroup(ctx context.Context, c *console, args []string) error {
	if len(args) > 0 {
		for _, v := range groupVerbs() {
			if v.name == args[0] {
				return v.run(ctx, c, args[1:])
			}
		}
	}
	var b strings.Builder
	for _, v := range groupVerbs() {
		fmt.Fprintf(&b, "\n  holdfast group %-7s %-12s %s", v.name, v.args, v.short)
	}
	return usageError{"want one of:" + b.String()}
}

// clientVerb parses the flags of a client verb and hands over its arguments.
func clientVerb(c *console, name string, args []string) (*client, []string, error) {
	fs := newFlags(c, name)
	var f clientFlags
	f.register(c, fs)
	if err := parseFlags(fs, args); err != nil {
		return nil, nil, err
	}
	return f.client(), fs.Args(), nil
}

// readGroups reads the groups of a config file.
func readGroups(file string) ([]httpapi.Group, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	groups, err := config.ParseGroups(file, b)
	if err != nil {
		return nil, err
	}
	var out []httpapi.Group
	for i := range groups {
		out = append(out, httpapi.GroupJSON(&groups[i]))
	}
	return out, nil
}

func groupApply(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "group apply", args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usageError{"want one file with group blocks"}
	}
	groups, err := readGroups(args[0])
	if err != nil {
		return err
	}
	// All are looked at before the first is written: a file is taken as a whole or not at all.
	if err := cl.do(ctx, http.MethodPut, "/v1/failover/plan", nil, groups, nil); err != nil {
		return err
	}
	for _, g := range groups {
		if err := cl.do(ctx, http.MethodPut, "/v1/failover/group/"+url.PathEscape(g.Name), nil, g, nil); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "group %s applied\n", g.Name)
	}
	return nil
}

func groupPlan(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "group plan", args)
	if err != nil {
		return err
	}
	groups := []httpapi.Group{}
	switch len(args) {
	case 0:
	case 1:
		if groups, err = readGroups(args[0]); err != nil {
			return err
		}
	default:
		return usageError{"want one file, or none"}
	}
	var ds []httpapi.Decision
	if err := cl.do(ctx, http.MethodPut, "/v1/failover/plan", nil, groups, &ds); err != nil {
		return err
	}
	for _, d := range ds {
		printDecision(c, d)
	}
	return nil
}

func printDecision(c *console, d httpapi.Decision) {
	switch {
	case d.Changed && d.Node == "":
		fmt.Fprintf(c.out, "%s: would be taken from %s\n", d.Group, d.Current)
	case d.Changed && d.Current == "":
		fmt.Fprintf(c.out, "%s: would go to %s\n", d.Group, d.Node)
	case d.Changed:
		fmt.Fprintf(c.out, "%s: would move from %s to %s\n", d.Group, d.Current, d.Node)
	case d.Node == "":
		fmt.Fprintf(c.out, "%s: held by nobody\n", d.Group)
	default:
		fmt.Fprintf(c.out, "%s: stays on %s\n", d.Group, d.Node)
	}
	fmt.Fprintf(c.out, "  why: %s\n", d.Why)
	for _, v := range d.Verdicts {
		if v.Eligible {
			fmt.Fprintf(c.out, "  %d. %s: %s\n", v.Rank, v.Node, v.Why)
		} else {
			fmt.Fprintf(c.out, "  not %s: %s\n", v.Node, v.Why)
		}
	}
}

func groupList(ctx context.Context, c *console, args []string) error {
	cl, _, err := clientVerb(c, "group list", args)
	if err != nil {
		return err
	}
	var gs []httpapi.GroupStatus
	if err := cl.do(ctx, http.MethodGet, "/v1/failover/groups", nil, nil, &gs); err != nil {
		return err
	}
	return printGroups(c, gs)
}

func printGroups(c *console, gs []httpapi.GroupStatus) error {
	var rows [][]string
	for _, g := range gs {
		rows = append(rows, []string{
			g.Name, orDash(g.Assignment.Node), strconv.FormatUint(g.Assignment.Epoch, 10), vipList(g.VIPs), orDash(g.Service), g.Assignment.Why,
		})
	}
	return table(c.out, []string{"Group", "Holder", "Epoch", "Addresses", "Service", "Why"}, rows)
}

func vipList(vips []httpapi.VIP) string {
	var out []string
	for _, v := range vips {
		s := v.Address
		if v.Interface != "" {
			s += "%" + v.Interface
		}
		out = append(out, s)
	}
	return strings.Join(out, ",")
}

func groupShow(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "group show", args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usageError{"want the name of a group"}
	}
	b, err := cl.raw(ctx, http.MethodGet, "/v1/failover/group/"+url.PathEscape(args[0]), url.Values{"pretty": {""}}, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, strings.TrimSpace(string(b)))
	return nil
}

func groupMove(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "group move", args)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return usageError{"want the name of a group and the name of a machine"}
	}
	var a httpapi.Assignment
	if err := cl.do(ctx, http.MethodPut, "/v1/failover/group/"+url.PathEscape(args[0])+"/move", url.Values{"to": {args[1]}}, nil, &a); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "group %s is assigned to %s, epoch %d\n", a.Group, a.Node, a.Epoch)
	return nil
}

func groupDelete(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "group delete", args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usageError{"want the name of a group"}
	}
	if err := cl.do(ctx, http.MethodDelete, "/v1/failover/group/"+url.PathEscape(args[0]), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "group %s is deleted\n", args[0])
	return nil
}
