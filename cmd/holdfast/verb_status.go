package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/httpapi"
)

func runStatus(ctx context.Context, c *console, args []string) error {
	cl, _, err := clientVerb(c, "status", args)
	if err != nil {
		return err
	}
	var s httpapi.FailoverStatus
	if err := cl.do(ctx, http.MethodGet, "/v1/failover/status", nil, nil, &s); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "This machine: %s   Leader: %s\n\n", s.Node, orDash(s.Leader))
	var rows [][]string
	for _, m := range s.Machines {
		state := "lost"
		if m.Live {
			state = "live"
		}
		rows = append(rows, []string{m.Node, state, since(m.Since), m.Why, unable(m.Unable)})
	}
	if err := table(c.out, []string{"Machine", "Lease channel", "Since", "Why", "Cannot carry"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(c.out)
	if err := printGroups(c, s.Groups); err != nil {
		return err
	}
	for _, h := range s.Holdings {
		fmt.Fprintf(c.out, "\n%s is %s %s, epoch %d: lease for %s more, enforced by %s, %s\n",
			h.Node, h.Phase, h.Group, h.Epoch, h.Remaining, orDash(h.Fence), strings.Join(h.Addresses, ", "))
	}
	return nil
}

func unable(m map[string]string) string {
	var out []string
	for _, g := range slices.Sorted(maps.Keys(m)) {
		out = append(out, g+": "+m[g])
	}
	return orDash(strings.Join(out, "; "))
}

// since is how long ago a time is, rounded for the eye.
func since(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Since(t).Round(time.Second).String() + " ago"
}

func runExplain(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "explain", args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usageError{"want the name of a group"}
	}
	var e httpapi.Explanation
	if err := cl.do(ctx, http.MethodGet, "/v1/failover/explain/"+url.PathEscape(args[0]), nil, nil, &e); err != nil {
		return err
	}
	a := e.Assignment
	if a.Node == "" {
		fmt.Fprintf(c.out, "%s is held by nobody\n", e.Group.Name)
	} else {
		fmt.Fprintf(c.out, "%s is on %s since %s, epoch %d\n", e.Group.Name, a.Node, a.Since.Local().Format(time.DateTime), a.Epoch)
	}
	fmt.Fprintf(c.out, "  because: %s\n\nThe plan now:\n", orDash(a.Why))
	printDecision(c, e.Decision)
	fmt.Fprintln(c.out, "\nHow it came here:")
	return printTimeline(c, e.Timeline)
}

func runTimeline(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "timeline")
	var f clientFlags
	f.register(c, fs)
	limit := fs.Int("n", 50, "how many entries at most, the newest `count`")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	q := url.Values{"limit": {strconv.Itoa(*limit)}}
	switch fs.NArg() {
	case 0:
	case 1:
		q.Set("group", fs.Arg(0))
	default:
		return usageError{"want the name of one group, or none for all"}
	}
	var ts []httpapi.Transition
	if err := f.client().do(ctx, http.MethodGet, "/v1/failover/timeline", q, nil, &ts); err != nil {
		return err
	}
	return printTimeline(c, ts)
}

// printTimeline prints entries by their time: a machine that was cut off reports late.
func printTimeline(c *console, ts []httpapi.Transition) error {
	slices.SortStableFunc(ts, func(a, b httpapi.Transition) int { return a.Time.Compare(b.Time) })
	var rows [][]string
	for _, t := range ts {
		why := t.Why
		if t.Detail != "" {
			why += " [" + strings.ReplaceAll(strings.TrimSpace(t.Detail), "\n", " | ") + "]"
		}
		epoch := "-"
		if t.Epoch > 0 {
			epoch = strconv.FormatUint(t.Epoch, 10)
		}
		rows = append(rows, []string{t.Time.Local().Format("01-02 15:04:05.000"), orDash(t.Group), epoch, orDash(t.Node), t.Kind, orDash(t.Took), why})
	}
	return table(c.out, []string{"Time", "Group", "Epoch", "Machine", "What", "Took", "Why"}, rows)
}
