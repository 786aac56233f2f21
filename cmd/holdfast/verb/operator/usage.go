package operator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"holdfast/cmd/holdfast/verb"
)

func usageVerb() verb.Verb {
	return verb.Verb{
		Name: "operator usage", Args: "instances", Short: "how much of everything there is",
		Subs: []verb.Verb{{
			Name: "operator usage instances", Short: "count the instances of services", Run: runUsageInstances, Examples: []string{"operator usage instances", "operator usage instances -format=json"},
			Long: "The instances that Consul calls billable are all but its own. Those of the mesh come from other systems' catalogs alone: Holdfast has no service mesh.",
		}},
	}
}

// usage is what one datacenter has, as /v1/operator/usage says.
type usage struct {
	BillableServiceInstances int
	Services                 int
	ConnectServiceInstances  map[string]int
}

func runUsageInstances(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	fs.Bool("all-datacenters", false, "")
	billable := fs.Bool("only-billable", false, "leave the instances of the mesh out")
	connect := fs.Bool("only-connect", false, "show the instances of the mesh alone")
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		err := verb.WantArgs(fs, 0, 0, "no arguments")
		if *billable && *connect {
			err = cmp.Or(err, error(verb.UsageError("-only-billable and -only-connect contradict each other")))
		}
		return "/v1/operator/usage", verb.Stale(), err
	}, func(c *verb.Console, answer struct{ Usage map[string]usage }) error {
		if !*connect {
			if err := printBillable(c, answer.Usage); err != nil {
				return err
			}
		}
		if *billable {
			return nil
		}
		if !*connect {
			fmt.Fprintln(c.Out)
		}
		var rows [][]string
		for _, dc := range slices.Sorted(maps.Keys(answer.Usage)) {
			kinds := answer.Usage[dc].ConnectServiceInstances
			for _, kind := range slices.Sorted(maps.Keys(kinds)) {
				rows = append(rows, []string{kind, strconv.Itoa(kinds[kind])})
			}
		}
		fmt.Fprintln(c.Out, "Connect Services")
		return verb.Table(c.Out, []string{"Type", "Service instances"}, rows)
	})
}

func printBillable(c *verb.Console, all map[string]usage) error {
	var total int
	for _, u := range all {
		total += u.BillableServiceInstances
	}
	fmt.Fprintf(c.Out, "Billable Service Instances Total: %d\n", total)
	var rows [][]string
	for _, dc := range slices.Sorted(maps.Keys(all)) {
		u := all[dc]
		fmt.Fprintf(c.Out, "%s Billable Service Instances: %d\n", dc, u.BillableServiceInstances)
		rows = append(rows, []string{strconv.Itoa(u.Services), strconv.Itoa(u.BillableServiceInstances)})
	}
	fmt.Fprintln(c.Out, "\nBillable Services")
	return verb.Table(c.Out, []string{"Services", "Service instances"}, rows)
}
