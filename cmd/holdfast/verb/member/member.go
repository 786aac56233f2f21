// Package member is the verbs about the gossip pool: its members, who joins and leaves it, and how far they are from one another.
package member

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"holdfast/cluster"
	"holdfast/cmd/holdfast/verb"
)

// row is a member, one of those of /v1/agent/members.
type row struct {
	Name   string
	Addr   string
	Port   uint16
	Status int
	Tags   map[string]string
}

// Verbs is what can be done with the pool.
func Verbs() []verb.Verb {
	return []verb.Verb{membersVerb(), joinVerb(), leaveVerb(), forceLeaveVerb(), eventVerb(), rttVerb()}
}

func membersVerb() verb.Verb {
	return verb.Verb{
		Name: "members", Short: "list the members of the gossip pool", Run: runMembers, Examples: []string{"members", "members -status='failed|left'"},
		Long: "A member is alive, leaving, left, or failed: it is gone and has not said goodbye.",
	}
}

func joinVerb() verb.Verb {
	return verb.Verb{
		Name: "join", Args: "ADDRESS ...", Short: "make the agent join the pool of these members", Run: runJoin, Examples: []string{"join 10.0.0.1"},
		Long: "An address is that of a member's gossip, host or host:port. retry_join in the config file does the same at every start.",
	}
}

func leaveVerb() verb.Verb {
	return verb.Verb{
		Name: "leave", Short: "make the agent leave in good order, and stop", Run: runLeave, Examples: []string{"leave"},
		Long: `Its groups go to other machines first, then the leadership; the peer set forgets it and the others do not wait for it to come back. For a
restart or an upgrade stop the agent instead (SIGTERM): it stays a member.`,
	}
}

func runMembers(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	detailed := fs.Bool("detailed", false, "show every tag")
	wan := fs.Bool("wan", false, "list the servers, by the names that they have between datacenters")
	status := fs.String("status", "", "list only members whose status this regular `expression` matches")
	filter := fs.String("filter", "", "list only members that this `expression` holds for, such as 'Tags.role == consul'")
	segment := fs.String("segment", "", "")
	var wanted *regexp.Regexp
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		q := url.Values{}
		if *wan {
			q.Set("wan", "1")
		}
		if *filter != "" {
			q.Set("filter", *filter)
		}
		if *segment != "" { // there are none, which the agent says
			q.Set("segment", *segment)
		}
		var err error
		if wanted, err = regexp.Compile("^(" + cmp.Or(*status, ".*") + ")$"); err != nil {
			return "", nil, verb.UsageError(fmt.Sprintf("-status %q is not a regular expression", *status))
		}
		return "/v1/agent/members", q, verb.WantArgs(fs, 0, 0, "no arguments")
	}, func(c *verb.Console, ms []row) error {
		ms = slices.DeleteFunc(ms, func(m row) bool { return !wanted.MatchString(cluster.MemberStatus(m.Status).String()) })
		if len(ms) == 0 {
			return verb.Exit(2) // as scripts expect that look for failed members
		}
		return printMembers(c, ms, *detailed)
	})
}

func printMembers(c *verb.Console, ms []row, detailed bool) error {
	slices.SortFunc(ms, func(a, b row) int { return strings.Compare(a.Name, b.Name) })
	head := []string{"Node", "Address", "Status", "Type", "Build", "DC"}
	columns := func(m row) []string {
		return []string{memberType(m.Tags), verb.OrDash(m.Tags[cluster.TagHoldfast]), verb.OrDash(m.Tags[cluster.TagDatacenter])}
	}
	switch {
	case detailed:
		head = []string{"Node", "Address", "Status", "Tags"}
		columns = func(m row) []string { return []string{tagList(m.Tags)} }
	case c.Name == "consul": // its columns, for who takes them apart
		head = []string{"Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Partition", "Segment"}
		columns = func(m row) []string {
			build, _, _ := strings.Cut(m.Tags["build"], ":")
			segment := "<default>"
			if memberType(m.Tags) == "server" {
				segment = "<all>"
			}
			return []string{memberType(m.Tags), build, m.Tags["vsn"], m.Tags[cluster.TagDatacenter], "default", segment}
		}
	}
	var rows [][]string
	for _, m := range ms {
		rows = append(rows, append([]string{m.Name, net.JoinHostPort(m.Addr, strconv.Itoa(int(m.Port))), cluster.MemberStatus(m.Status).String()}, columns(m)...))
	}
	return verb.Table(c.Out, head, rows)
}

func memberType(tags map[string]string) string {
	if tags[cluster.TagRole] == "consul" {
		return "server"
	}
	return "client"
}

func tagList(tags map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, k+"="+tags[k])
	}
	return strings.Join(out, ",")
}

func runJoin(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	wan := fs.Bool("wan", false, "join the pool between datacenters")
	var f verb.ClientFlags
	f.Register(c, fs)
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return verb.UsageError("want the address of at least one member")
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	q := url.Values{}
	if *wan {
		q.Set("wan", "1")
	}
	var failed []error
	for _, a := range fs.Args() {
		if err := cl.Do(ctx, http.MethodPut, "/v1/agent/join/"+url.PathEscape(a), q, nil, nil); err != nil {
			failed = append(failed, fmt.Errorf("%s was not joined: %w", a, err))
		}
	}
	n := fs.NArg() - len(failed)
	if n == 0 {
		return errors.Join(failed...)
	}
	for _, err := range failed { // the pool is joined all the same
		fmt.Fprintln(c.Err, err)
	}
	_, err = fmt.Fprintf(c.Out, "Successfully joined cluster by contacting %d nodes.\n", n)
	return err
}

func runLeave(ctx context.Context, c *verb.Console, args []string) error {
	cl, args, err := verb.ConnectArgs(c, args)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return verb.UsageError("want no arguments" + verb.Given(args))
	}
	if err := cl.Do(ctx, http.MethodPut, "/v1/agent/leave", nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "Graceful leave complete")
	return nil
}

func forceLeaveVerb() verb.Verb {
	return verb.Verb{
		Name: "force-leave", Args: "NODE", Short: "let a failed member count as left", Run: runForceLeave,
		Long: "The others stop trying to reach it, and its record leaves the catalog. A member that lives comes back by itself: let it leave instead.\n\n" +
			"    holdfast force-leave n3\n    holdfast force-leave -prune n3       and forget its name at once",
	}
}

func runForceLeave(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	prune := fs.Bool("prune", false, "take it off the list of members too")
	wan := fs.Bool("wan", false, "the name is one between datacenters, NODE.DATACENTER")
	cl, err := verb.Connect(c, fs, args, 1, 1, "the name of one member")
	if err != nil {
		return err
	}
	q := url.Values{}
	if *prune {
		q.Set("prune", "1")
	}
	if *wan {
		q.Set("wan", "1")
	}
	return cl.Do(ctx, http.MethodPut, "/v1/agent/force-leave/"+url.PathEscape(fs.Arg(0)), q, nil, nil)
}
