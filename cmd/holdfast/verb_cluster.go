package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
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

func runMembers(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "members")
	var f clientFlags
	f.register(c, fs)
	detailed := fs.Bool("detailed", false, "show every tag")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	var ms []member
	if err := f.client().do(ctx, http.MethodGet, "/v1/agent/members", nil, nil, &ms); err != nil {
		return err
	}
	slices.SortFunc(ms, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	head := []string{"Node", "Address", "Status", "Type", "Build", "DC"}
	if *detailed {
		head = []string{"Node", "Address", "Status", "Tags"}
	}
	var rows [][]string
	for _, m := range ms {
		row := []string{m.Name, fmt.Sprintf("%s:%d", m.Addr, m.Port), cluster.MemberStatus(m.Status).String()}
		if *detailed {
			row = append(row, tagList(m.Tags))
		} else {
			row = append(row, memberType(m.Tags), m.Tags[cluster.TagHoldfast], m.Tags[cluster.TagDatacenter])
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
	for _, a := range args {
		if err := cl.do(ctx, http.MethodPut, "/v1/agent/join/"+url.PathEscape(a), nil, nil, nil); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.out, "Successfully joined cluster by contacting %d nodes.\n", len(args))
	return nil
}

func runLeave(ctx context.Context, c *console, args []string) error {
	cl, _, err := clientVerb(c, "leave", args)
	if err != nil {
		return err
	}
	if err := cl.do(ctx, http.MethodPut, "/v1/agent/leave", nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "Graceful leave complete")
	return nil
}
