// Package failover is the verbs about what Holdfast is there for: groups, who holds them, and why.
package failover

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/verb"
	"holdfast/httpapi/group"
)

func groupVerb() verb.Verb {
	return verb.Verb{
		Name: "group", Args: "apply|plan|list|show|move|delete", Short: "failover groups: what moves from machine to machine together",
		Long: `A group is a set of virtual addresses that one machine holds at a time. It stands in a config file as

  group "gateway" {
    service = "gateway"          # a machine is eligible while its instance passes
    vip "10.77.0.100/24" {}      # on the interface of that network, or interface = "eth1"
    prefer  = ["n1", "n2"]       # who is asked first
    preempt = false              # whether a better machine takes it from one that is well
  }`,
		Subs: []verb.Verb{
			{
				Name: "group apply", Args: "FILE", Short: "create or change the groups of a config file", Run: groupApply, Examples: []string{"group apply web.hcl"},
				Long: "The file is taken as a whole or not at all. `group plan FILE` says before what would move. Other keys of the file are passed over.",
			},
			{
				Name: "group plan", Args: "[FILE]", Short: "say what would move, with the groups of FILE or as they are", Run: groupPlan, Examples: []string{"group plan", "group plan web.hcl"},
				Long: "Nothing is changed. For each group it prints where it would be and why, and what speaks for and against each machine.",
			},
			{Name: "group list", Short: "list the groups and their holders", Run: groupList, Examples: []string{"group list"}},
			{Name: "group show", Args: "GROUP", Short: "show a group: its addresses, its rules, its holder", Run: groupShow, Examples: []string{"group show web"}},
			{
				Name: "group move", Args: "GROUP [NODE]", Short: "move a group to a machine, now or later", Run: groupMove, Examples: []string{"group move web n2", "group move web n2 -in 60s", "group move web -cancel"},
				Long: `The machine must be eligible; the group stays there, whatever prefer says, until it is moved again or that machine fails.

With -in the leader moves it later. Until then the TTL of the group's names in DNS is at most what is left, so that whoever remembers where
it is asks again when it has moved: plan it as far ahead as that TTL (dns_config.node_ttl). If the machine is not eligible when the time has
come, nothing is moved. -cancel calls such a move off.`,
			},
			{Name: "group delete", Args: "GROUP", Short: "delete a group and take its addresses off the network", Run: groupDelete, Examples: []string{"group delete web"}},
		},
	}
}

// formatOfFile declares -config-format.
func formatOfFile(fs *flag.FlagSet) *string {
	return fs.String("config-format", "", "`format` of the file, hcl or json, whatever its name")
}

// readGroups reads the groups of a config file.
func readGroups(file, format string) ([]group.Group, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the groups: %w", err)
	}
	groups, err := config.ParseGroups(file, b, format)
	if err != nil {
		return nil, err
	}
	var out []group.Group
	for i := range groups {
		out = append(out, group.GroupJSON(&groups[i]))
	}
	return out, nil
}

func groupApply(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	format := formatOfFile(fs)
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 1, 1, "one file with group blocks")); err != nil {
		return err
	}
	groups, err := readGroups(fs.Arg(0), *format)
	if err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	if len(groups) == 1 { // members of earlier versions know of one at a time
		err = cl.Do(ctx, http.MethodPut, "/v1/failover/group/"+url.PathEscape(groups[0].Name), nil, groups[0], nil)
	} else {
		err = cl.Do(ctx, http.MethodPut, "/v1/failover/groups", nil, groups, nil)
	}
	if err != nil {
		return err
	}
	for _, g := range groups {
		fmt.Fprintf(c.Out, "group %s applied\n", g.Name)
	}
	return nil
}

func groupPlan(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	var format verb.FormatFlag
	f.Register(c, fs)
	format.Register(fs)
	fileFormat := formatOfFile(fs)
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 0, 1, "one file, or none")); err != nil {
		return err
	}
	groups := []group.Group{}
	if fs.NArg() == 1 {
		var err error
		if groups, err = readGroups(fs.Arg(0), *fileFormat); err != nil {
			return err
		}
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	const path = "/v1/failover/plan"
	b, err := cl.Send(ctx, http.MethodPut, path, nil, groups)
	if err != nil {
		return err
	}
	return showDecisions(c, cl, format, path, b)
}

// showDecisions prints a plan, the answer b of path.
func showDecisions(c *verb.Console, cl *verb.Client, format verb.FormatFlag, path string, b []byte) error {
	var ds []group.Decision
	return cl.Render(c, format, path, b, &ds, func() error {
		for _, d := range ds {
			printDecision(c, d)
		}
		if len(ds) == 0 {
			fmt.Fprintln(c.Out, "there are no groups")
		}
		return nil
	})
}

func printDecision(c *verb.Console, d group.Decision) {
	switch {
	case d.Changed && d.Node == "":
		fmt.Fprintf(c.Out, "%s: would be taken from %s\n", d.Group, d.Current)
	case d.Changed && d.Current == "":
		fmt.Fprintf(c.Out, "%s: would go to %s\n", d.Group, d.Node)
	case d.Changed:
		fmt.Fprintf(c.Out, "%s: would move from %s to %s\n", d.Group, d.Current, d.Node)
	case d.Node == "":
		fmt.Fprintf(c.Out, "%s: held by nobody\n", d.Group)
	default:
		fmt.Fprintf(c.Out, "%s: stays on %s\n", d.Group, d.Node)
	}
	fmt.Fprintf(c.Out, "  why: %s\n", d.Why)
	if d.Planned != nil {
		fmt.Fprintf(c.Out, "  planned: %s\n", plannedText(d.Planned))
	}
	for _, v := range d.Verdicts {
		if v.Eligible {
			fmt.Fprintf(c.Out, "  %d. %s: %s\n", v.Rank, v.Node, v.Why)
		} else {
			fmt.Fprintf(c.Out, "  not %s: %s\n", v.Node, v.Why)
		}
		if v.Change != "" {
			fmt.Fprintf(c.Out, "     to be there: %s\n", v.Change)
		}
	}
}

func groupList(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/failover/groups", verb.Stale(), verb.WantArgs(fs, 0, 0, "no arguments")
	}, printGroups)
}

func printGroups(c *verb.Console, gs []group.GroupStatus) error {
	var rows [][]string
	for _, g := range gs {
		rows = append(rows, []string{
			g.Name, verb.OrDash(g.Assignment.Node), strconv.FormatUint(g.Assignment.Epoch, 10), vipList(g.VIPs), verb.OrDash(g.Service), verb.OrDash(g.Assignment.Why),
		})
	}
	return verb.Table(c.Out, []string{"Group", "Holder", "Epoch", "Addresses", "Service", "Why"}, rows)
}

func vipList(vips []group.VIP) string {
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

func groupShow(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/failover/group/" + url.PathEscape(fs.Arg(0)), verb.Stale(), verb.WantArgs(fs, 1, 1, "the name of a group")
	}, printGroup)
}

func printGroup(c *verb.Console, g group.GroupStatus) error {
	rows := [][2]string{
		{"Group", g.Name},
		{"Addresses", vipList(g.VIPs)},
		{"Service", verb.OrDash(g.Service)},
		{"Prefer", verb.OrDash(strings.Join(g.Prefer, ", "))},
		{"Preempt", strconv.FormatBool(g.Preempt)},
	}
	rows = append(rows, placementRows(g.Group)...)
	rows = append(rows, effectRows(g.Group)...)
	for _, h := range g.OnAcquire {
		rows = append(rows, [2]string{"On acquire", hookText(h)})
	}
	for _, h := range g.OnRelease {
		rows = append(rows, [2]string{"On release", hookText(h)})
	}
	a := g.Assignment
	rows = append(rows, [2]string{"Holder", verb.OrDash(a.Node)})
	if a.Epoch > 0 {
		rows = append(rows, [2]string{"Epoch", strconv.FormatUint(a.Epoch, 10)}, [2]string{"Since", a.Since.Local().Format(time.DateTime)}, [2]string{"Why", a.Why})
	}
	if g.Planned != nil {
		rows = append(rows, [2]string{"Planned", plannedText(g.Planned)})
	}
	for _, r := range rows {
		fmt.Fprintf(c.Out, "%-13s  %s\n", r[0], r[1])
	}
	return nil
}

func hookText(h group.Hook) string {
	s := strings.Join(h.Args, " ")
	if h.Timeout != "" {
		s += " (at most " + h.Timeout + ")"
	}
	return s
}

func groupDelete(ctx context.Context, c *verb.Console, args []string) error {
	cl, args, err := verb.ConnectArgs(c, args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return verb.UsageError("want the name of a group" + verb.Given(args))
	}
	if err := cl.Do(ctx, http.MethodDelete, "/v1/failover/group/"+url.PathEscape(args[0]), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "group %s is deleted\n", args[0])
	return nil
}
