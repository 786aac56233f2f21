package main

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
)

// member is one row of /v1/agent/members.
type member struct {
	Name   string
	Addr   string
	Port   uint16
	Status int
	Tags   map[string]string
}

func membersVerb() verb {
	return verb{
		name: "members", short: "list the members of the gossip pool", run: runMembers,
		long: "A member is alive, leaving, left, or failed: it is gone and has not said goodbye.",
	}
}

func joinVerb() verb {
	return verb{
		name: "join", args: "ADDRESS ...", short: "make the agent join the pool of these members", run: runJoin,
		long: "An address is that of a member's gossip, host or host:port. retry_join in the config file does the same at every start.",
	}
}

func leaveVerb() verb {
	return verb{
		name: "leave", short: "make the agent leave in good order, and stop", run: runLeave,
		long: `Its groups go to other machines first, then the leadership; the peer set forgets it and the others do not wait for it to come back. For a
restart or an upgrade stop the agent instead (SIGTERM): it stays a member.`,
	}
}

func runMembers(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "members")
	detailed := fs.Bool("detailed", false, "show every tag")
	wan := fs.Bool("wan", false, "list the servers, by the names that they have between datacenters")
	status := fs.String("status", "", "list only members whose status this regular `expression` matches")
	var wanted *regexp.Regexp
	return read(ctx, c, fs, args, func() (string, url.Values, error) {
		q := url.Values{}
		if *wan {
			q.Set("wan", "1")
		}
		var err error
		if wanted, err = regexp.Compile("^(" + cmp.Or(*status, ".*") + ")$"); err != nil {
			return "", nil, usageError{fmt.Sprintf("-status %q is not a regular expression", *status)}
		}
		return "/v1/agent/members", q, wantArgs(fs, 0, 0, "no arguments")
	}, func(c *console, ms []member) error {
		ms = slices.DeleteFunc(ms, func(m member) bool { return !wanted.MatchString(cluster.MemberStatus(m.Status).String()) })
		return printMembers(c, ms, *detailed)
	})
}

func printMembers(c *console, ms []member, detailed bool) error {
	slices.SortFunc(ms, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	head := []string{"Node", "Address", "Status", "Type", "Build", "DC"}
	if detailed {
		head = []string{"Node", "Address", "Status", "Tags"}
	}
	var rows [][]string
	for _, m := range ms {
		row := []string{m.Name, net.JoinHostPort(m.Addr, strconv.Itoa(int(m.Port))), cluster.MemberStatus(m.Status).String()}
		if detailed {
			row = append(row, tagList(m.Tags))
		} else {
			row = append(row, memberType(m.Tags), orDash(m.Tags[cluster.TagHoldfast]), orDash(m.Tags[cluster.TagDatacenter]))
		}
		rows = append(rows, row)
	}
	return table(c.out, head, rows)
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

func runJoin(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "join", args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usageError{"want the address of at least one member"}
	}
	var failed []error
	for _, a := range args {
		if err := cl.do(ctx, http.MethodPut, "/v1/agent/join/"+url.PathEscape(a), nil, nil, nil); err != nil {
			failed = append(failed, fmt.Errorf("%s was not joined: %w", a, err))
		}
	}
	if n := len(args) - len(failed); n > 0 {
		fmt.Fprintf(c.out, "Successfully joined cluster by contacting %d nodes.\n", n)
	}
	return errors.Join(failed...)
}

func runLeave(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "leave", args)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return usageError{"want no arguments" + given(args)}
	}
	if err := cl.do(ctx, http.MethodPut, "/v1/agent/leave", nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "Graceful leave complete")
	return nil
}
