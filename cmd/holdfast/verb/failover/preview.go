package failover

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"holdfast/cmd/holdfast/verb"
	"holdfast/httpapi/group"
)

// words is a flag that may be given several times.
type words []string

func (w *words) String() string     { return strings.Join(*w, " ") }
func (w *words) Set(s string) error { *w = append(*w, s); return nil }

func simulateVerb() verb.Verb {
	return verb.Verb{
		Name: "simulate", Short: "what the plan would say if machines or checks failed", Run: runSimulate, Examples: []string{"simulate -fail n2", "simulate -fail n2 -check n1/web=critical"},
		Long: `Nothing is changed. It is the plan that the leader would make if what the flags suppose were so, from the state as it is: several at once
are one supposition. "holdfast simulate -fail n2 -check n1/web=critical" says where each group would be.`,
	}
}

func runSimulate(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	var format verb.FormatFlag
	var fail, checks words
	f.Register(c, fs)
	format.Register(fs)
	fs.Var(&fail, "fail", "suppose that this `machine` has failed; repeatable")
	fs.Var(&checks, "check", "suppose the status of a service or node check, as `NODE/NAME=critical`; repeatable")
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 0, 0, "no arguments: what is supposed stands in flags")); err != nil {
		return err
	}
	if len(fail)+len(checks) == 0 {
		return verb.UsageError("suppose something: -fail NODE, or -check NODE/NAME=STATUS")
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	const path = "/v1/failover/plan"
	q := url.Values{"fail": fail, "check": checks}
	b, err := cl.Raw(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	return showDecisions(c, cl, format, path, b)
}

func budgetVerb() verb.Verb {
	return verb.Verb{
		Name: "budget", Args: "[GROUP]", Short: "how long a group may be unserved at worst, by cause", Run: runBudget, Examples: []string{"budget web"},
		Long: `It is computed from the lease, the checks of the present holder and what runs with the group, as they are configured now. Checks that count several
failures before they are critical take as many intervals; a machine that is overloaded takes longer.`,
	}
}

func runBudget(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		q := verb.Stale()
		if fs.NArg() == 1 {
			q.Set("group", fs.Arg(0))
		}
		return "/v1/failover/budget", q, verb.WantArgs(fs, 0, 1, "the name of one group, or none for all")
	}, func(c *verb.Console, bs []group.Budget) error {
		var rows [][]string
		for _, b := range bs {
			rows = append(rows, []string{b.Group, b.Worst, b.What, b.Why})
		}
		return verb.Table(c.Out, []string{"Group", "At worst", "What happens", "Of which"}, rows)
	})
}

func drillVerb() verb.Verb {
	return verb.Verb{
		Name: "drill", Args: "GROUP", Short: "move a group away and back, and say how long it took", Run: runDrill, Examples: []string{"drill web"},
		Long: `The group really moves: to the best machine that does not hold it, and back. Whoever uses it meets two moves in good order, of milliseconds each
and of what starts and stops with the group. Afterwards it is where it was, as an operator's choice: prefer and preempt do not take it from there
until it is moved again or its machine fails. -to names another machine.`,
	}
}

func runDrill(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	to := fs.String("to", "", "the `machine` that it moves to; default: the best that does not hold it")
	limit := fs.Duration("timeout", 60*time.Second, "how long one of the moves may take")
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 1, 1, "the name of a group")); err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	d := drill{c: c, cl: cl, group: fs.Arg(0), limit: *limit}
	e, err := d.explain(ctx)
	if err != nil {
		return err
	}
	home := e.Assignment.Node
	if home == "" {
		return fmt.Errorf("%s is held by nobody: %s", d.group, e.Assignment.Why)
	}
	target := *to
	for _, v := range e.Decision.Verdicts {
		if target == "" && v.Eligible && v.Node != home {
			target = v.Node
		}
	}
	if target == "" {
		return fmt.Errorf("no other machine is eligible for %s, so there is nowhere to move it: holdfast explain %s", d.group, d.group)
	}
	for _, node := range []string{target, home} {
		if err := d.move(ctx, node); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.Out, "\n%s is on %s again", d.group, home)
	if !e.Assignment.Moved {
		fmt.Fprint(c.Out, ", as an operator's choice")
	}
	_, err = fmt.Fprintln(c.Out)
	return err
}

// drill moves one group about.
type drill struct {
	c     *verb.Console
	cl    *verb.Client
	group string
	limit time.Duration
}

func (d *drill) explain(ctx context.Context) (e group.Explanation, err error) {
	err = d.cl.Do(ctx, http.MethodGet, "/v1/failover/explain/"+url.PathEscape(d.group), url.Values{"limit": {"200"}}, nil, &e)
	return e, err
}

// wordLimit is how long the word of the machine that gave a group back is waited for: it writes that down when the group is served elsewhere already.
const wordLimit = 2 * time.Second

// move moves the group to a machine, waits until it is served there, and prints what happened meanwhile.
func (d *drill) move(ctx context.Context, node string) error {
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	began := time.Now()
	var served time.Time // when it was first seen to be
	var a group.Assignment
	if err := d.cl.Do(ctx, http.MethodPut, "/v1/failover/group/"+url.PathEscape(d.group)+"/move", url.Values{"to": {node}}, nil, &a); err != nil {
		return err
	}
	for {
		e, err := d.explain(ctx)
		if err != nil {
			return err
		}
		var steps []group.Transition
		released, acquired := time.Duration(0), time.Duration(0)
		done, gave := false, false
		for _, t := range e.Timeline {
			if t.Epoch == a.Epoch || t.Epoch == a.Epoch-1 && t.Time.After(began.Add(-time.Minute)) && (t.Kind == "release" || t.Kind == "run") {
				steps = append(steps, t)
			}
			took, _ := time.ParseDuration(t.Took) // "" for an instant
			switch {
			case t.Epoch == a.Epoch-1 && t.Kind == "release":
				released, gave = took, true
			case t.Epoch == a.Epoch && t.Kind == "acquire":
				acquired, done = took, true
			}
		}
		if e.Assignment.Epoch > a.Epoch {
			return fmt.Errorf("%s went on to %s before it was served on %s: %s", d.group, verb.OrDash(e.Assignment.Node), node, e.Assignment.Why)
		}
		if done && served.IsZero() {
			served = time.Now()
		}
		if done && (gave || time.Since(served) > wordLimit) {
			fmt.Fprintf(d.c.Out, "to %s: served there after %s (given back in %s, from claim to lease %s)\n", node, served.Sub(began).Round(time.Millisecond), released.Round(time.Microsecond), acquired.Round(time.Microsecond))
			return PrintTimeline(d.c, steps)
		}
		t := time.NewTimer(10 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("%s is assigned to %s and not served there after %s: holdfast explain %s", d.group, node, d.limit, d.group)
		}
	}
}
