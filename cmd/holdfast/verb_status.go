package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/httpapi/group"
)

func statusVerb() verb {
	return verb{
		name: "status", short: "machines, groups and leases at a glance", run: runStatus,
		long: `A machine is live while its lease channel to the leader stands; only a live machine can hold a group. What this machine holds is shown
with the time that its lease still lasts: once that has passed, the kernel lets nothing through to or from the addresses.`,
	}
}

func runStatus(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "status")
	return read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/failover/status", nil, wantArgs(fs, 0, 0, "no arguments")
	}, printStatus)
}

func printStatus(c *console, s group.FailoverStatus) error {
	fmt.Fprintf(c.out, "This machine: %s   Leader: %s   Cluster: %s\n\n", s.Node, orDash(s.Leader), orDash(s.Cluster))
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

func explainVerb() verb {
	return verb{
		name: "explain", args: "GROUP", short: "why a group is where it is, and why not elsewhere", run: runExplain,
		long: "It prints the reason of the assignment, what the plan says now of every machine, and the last entries of the timeline.",
	}
}

func runExplain(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "explain")
	return read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/failover/explain/" + url.PathEscape(fs.Arg(0)), nil, wantArgs(fs, 1, 1, "the name of a group")
	}, printExplanation)
}

func printExplanation(c *console, e group.Explanation) error {
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

func timelineVerb() verb {
	return verb{
		name: "timeline", args: "[GROUP]", short: "what happened to the groups, and why", run: runTimeline,
		long: `The timeline is replicated: every machine has the same. Its entries are printed by their time, the newest last, with what they took and
the output of hooks and checks.`,
	}
}

func runTimeline(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "timeline")
	limit := fs.Int("n", 50, "how many entries at most, the newest `count`; 0 for all")
	return read(ctx, c, fs, args, func() (string, url.Values, error) {
		q := url.Values{"limit": {strconv.Itoa(*limit)}}
		if fs.NArg() == 1 {
			q.Set("group", fs.Arg(0))
		}
		return "/v1/failover/timeline", q, wantArgs(fs, 0, 1, "the name of one group, or none for all")
	}, printTimeline)
}

// printTimeline prints entries by their time: a machine that was cut off reports late.
func printTimeline(c *console, ts []group.Transition) error {
	slices.SortStableFunc(ts, func(a, b group.Transition) int { return a.Time.Compare(b.Time) })
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
