package failover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cmd/holdfast/verb"
	"holdfast/httpapi/group"
	"holdfast/httpapi/template"
	"holdfast/httpapi/watch"
)

// Verbs is what can be asked about groups, and done with them.
func Verbs() []verb.Verb {
	return []verb.Verb{statusVerb(), groupVerb(), explainVerb(), simulateVerb(), budgetVerb(), drillVerb(), timelineVerb()}
}

func statusVerb() verb.Verb {
	return verb.Verb{
		Name: "status", Short: "machines, groups and leases at a glance", Run: runStatus, Examples: []string{"status", "status -http-addr=n2:8500"},
		Long: `A machine is live while its lease channel to the leader stands; only a live machine can hold a group. What this machine holds is shown
with the time that its lease still lasts: once that has passed, the kernel lets nothing through to or from the addresses. Below stand the
watches of this agent, with the end of what each one's handler printed last, and its templates, with what became of each file;
/v1/agent/watches and /v1/failover/templates have them in JSON.`,
	}
}

func runStatus(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	var format verb.FormatFlag
	f.Register(c, fs)
	format.Register(fs)
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 0, 0, "no arguments")); err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	const path = "/v1/failover/status"
	b, err := cl.Raw(ctx, http.MethodGet, path, url.Values{"stale": {""}}, nil)
	if err != nil {
		return err
	}
	var s group.FailoverStatus
	return cl.Render(c, format, path, b, &s, func() error {
		var ws []watch.Status
		err := cl.Do(ctx, http.MethodGet, "/v1/agent/watches", nil, nil, &ws)
		if se, ok := errors.AsType[verb.StatusError](err); err != nil && (!ok || se.Code != http.StatusNotFound) { // an older agent has none
			return err
		}
		var ts []template.Status
		err = cl.Do(ctx, http.MethodGet, "/v1/failover/templates", nil, nil, &ts)
		if se, ok := errors.AsType[verb.StatusError](err); err != nil && (!ok || se.Code != http.StatusNotFound) {
			return err
		}
		return cmp.Or(printStatus(c, s), printWatches(c, ws), printTemplates(c, ts))
	})
}

// printWatches prints the watches of the agent, if it has any.
func printWatches(c *verb.Console, ws []watch.Status) error {
	if len(ws) == 0 {
		return nil
	}
	fmt.Fprintln(c.Out)
	var rows [][]string
	for _, w := range ws {
		last := since(w.Started)
		switch {
		case w.Running:
			last += ", runs"
		case w.Runs > 0:
			last += ", took " + w.Took
		}
		said := strings.ReplaceAll(strings.TrimSpace(w.Output), "\n", " | ")
		if w.Error != "" {
			said = strings.TrimSpace("failed: " + w.Error + " " + said)
		}
		what := strings.TrimSpace(w.Type + " " + cmp.Or(w.Key, w.Prefix, w.Service, w.State, w.Name))
		rows = append(rows, []string{what, w.Handler, strconv.FormatUint(w.Runs, 10), strconv.FormatUint(w.Failed, 10), last, verb.OrDash(cmp.Or(w.Waiting, said))})
	}
	return verb.Table(c.Out, []string{"Watch", "Handler", "Runs", "Failed", "Last run", "Said"}, rows)
}

// printTemplates prints the templates of the agent, if it has any.
func printTemplates(c *verb.Console, ts []template.Status) error {
	if len(ts) == 0 {
		return nil
	}
	fmt.Fprintln(c.Out)
	var rows [][]string
	for _, t := range ts {
		ran := verb.OrDash(t.Command.Command)
		if !t.Command.Started.IsZero() {
			ran += ", " + since(t.Command.Started) + ", took " + t.Command.Took
		}
		why := strings.ReplaceAll(strings.TrimSpace(t.Why), "\n", " | ")
		rows = append(rows, []string{t.Destination, t.Phase, strconv.FormatUint(t.Writes, 10), since(t.Rendered), ran, verb.OrDash(why)})
	}
	return verb.Table(c.Out, []string{"Template", "Phase", "Writes", "Written", "Command", "Why"}, rows)
}

func printStatus(c *verb.Console, s group.FailoverStatus) error {
	fmt.Fprintf(c.Out, "This machine: %s   Leader: %s   Cluster: %s\n\n", s.Node, verb.OrDash(s.Leader), verb.OrDash(s.Cluster))
	var rows [][]string
	for _, m := range s.Machines {
		state := "lost"
		if m.Live {
			state = "live"
		}
		rows = append(rows, []string{m.Node, state, since(m.Since), m.Why, unable(m.Unable)})
	}
	if err := verb.Table(c.Out, []string{"Machine", "Lease channel", "Since", "Why", "Cannot carry"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(c.Out)
	if err := printGroups(c, s.Groups); err != nil {
		return err
	}
	for _, h := range s.Holdings {
		fmt.Fprintf(c.Out, "\n%s is %s %s, epoch %d: lease for %s more, enforced by %s, %s\n",
			h.Node, h.Phase, h.Group, h.Epoch, h.Remaining, verb.OrDash(h.Fence), strings.Join(h.Addresses, ", "))
	}
	return nil
}

func unable(m map[string]string) string {
	if why := m[cluster.AnyGroup]; why != "" {
		return "any group: " + why
	}
	var out []string
	for _, g := range slices.Sorted(maps.Keys(m)) {
		out = append(out, g+": "+m[g])
	}
	return verb.OrDash(strings.Join(out, "; "))
}

// since is how long ago a time is, rounded for the eye.
func since(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Since(t).Round(time.Second).String() + " ago"
}

func explainVerb() verb.Verb {
	return verb.Verb{
		Name: "explain", Args: "GROUP", Short: "why a group is where it is, and why not elsewhere", Run: runExplain, Examples: []string{"explain web"},
		Long: `It prints the reason of the assignment, what the plan says now of every machine and what would bring the group there, the last moves with their
causes and times from the first sign to the first packet that told the neighbours, and the last entries of the timeline. Times are those of each
machine's own clock.`,
	}
}

func runExplain(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/failover/explain/" + url.PathEscape(fs.Arg(0)), verb.Stale(), verb.WantArgs(fs, 1, 1, "the name of a group")
	}, printExplanation)
}

func printExplanation(c *verb.Console, e group.Explanation) error {
	a := e.Assignment
	if a.Node == "" {
		fmt.Fprintf(c.Out, "%s is held by nobody\n", e.Group.Name)
	} else {
		fmt.Fprintf(c.Out, "%s is on %s since %s, epoch %d\n", e.Group.Name, a.Node, a.Since.Local().Format(time.DateTime), a.Epoch)
	}
	fmt.Fprintf(c.Out, "  because: %s\n\nThe plan now:\n", verb.OrDash(a.Why))
	printDecision(c, e.Decision)
	for _, m := range e.Moves {
		fmt.Fprintf(c.Out, "\nEpoch %d: from %s to %s", m.Epoch, verb.OrDash(m.From), verb.OrDash(m.To))
		if m.Took != "" {
			fmt.Fprintf(c.Out, ", %s from the first sign to the first packet", m.Took)
		}
		fmt.Fprintf(c.Out, "\n  because: %s\n", m.Cause)
		for _, s := range m.Steps {
			fmt.Fprintf(c.Out, "  %12s  %-4s %-9s %s\n", s.After, s.Node, s.Kind, s.Why)
		}
	}
	fmt.Fprintln(c.Out, "\nHow it came here:")
	return PrintTimeline(c, e.Timeline)
}

func timelineVerb() verb.Verb {
	return verb.Verb{
		Name: "timeline", Args: "[GROUP]", Short: "what happened to the groups, and why", Run: runTimeline, Examples: []string{"timeline", "timeline -n 0 web"},
		Long: `The timeline is replicated: every machine has the same. Its entries are printed by their time, the newest last, with what they took and
the output of hooks and checks.`,
	}
}

func runTimeline(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	limit := fs.Int("n", 50, "how many entries at most, the newest `count`; 0 for all")
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		q := verb.Stale()
		q.Set("limit", strconv.Itoa(*limit))
		if fs.NArg() == 1 {
			q.Set("group", fs.Arg(0))
		}
		return "/v1/failover/timeline", q, verb.WantArgs(fs, 0, 1, "the name of one group, or none for all")
	}, PrintTimeline)
}

// PrintTimeline prints entries by their time: a machine that was cut off reports late.
func PrintTimeline(c *verb.Console, ts []group.Transition) error {
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
		rows = append(rows, []string{t.Time.Local().Format("01-02 15:04:05.000"), verb.OrDash(t.Group), epoch, verb.OrDash(t.Node), t.Kind, verb.OrDash(t.Took), why})
	}
	return verb.Table(c.Out, []string{"Time", "Group", "Epoch", "Machine", "What", "Took", "Why"}, rows)
}
