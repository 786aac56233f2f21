package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/cmd/holdfast/stage"
	"holdfast/cmd/holdfast/verb"
	"holdfast/cmd/holdfast/verb/failover"
	"holdfast/failover/lab"
	"holdfast/httpapi/group"
)

// demoFaults are what `holdfast demo` plays where no -fault is given.
const demoFaults = "check,kill,freeze,cable,cut"

// demoOptions are the flags of the demo.
type demoOptions struct {
	faults string
	length string
	rounds int
	dir    string
	tls    bool
}

// demoVerb plays the faults.
func demoVerb() verb.Verb {
	return verb.Verb{
		Name: "demo", Short: "three machines, five faults, one address: what a client sees", Run: runDemo, Examples: []string{"demo", "demo -fault=all -rounds=5"},
		Long: `Makes three machines and a client on this one, as network namespaces, starts an agent on each of the three and lets one fault after the
other happen to the one that holds the address. After each it prints who answered, for how long nobody did, and for how long two did: never.
It needs Linux, and root or user namespaces. Nothing of it reaches the network of this machine, and nothing is left behind.`,
	}
}

func runDemo(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var o demoOptions
	fs.StringVar(&o.faults, "fault", demoFaults, "comma-separated `faults`, or all: "+strings.Join(faultNames(), ", "))
	fs.StringVar(&o.length, "length", "short", "how `long` a daemon is stopped and a network cut: short (3 s each) or full (15 s and 10 s)")
	fs.IntVar(&o.rounds, "rounds", 1, "how `often` each fault is played; above 1 the medians are printed at the end")
	fs.StringVar(&o.dir, "dir", "", "`directory` to keep configuration, data and logs in; by default they are removed")
	fs.BoolVar(&o.tls, "tls", false, "let nothing but TLS be spoken between the machines")
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	faults, err := chooseFaults(o.faults, o.length)
	if err != nil {
		return err
	}
	if code, entered, err := lab.Enter(); err != nil || entered {
		return cmp.Or(err, error(verb.Exit(code)))
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = demo(ctx, c, o, faults)
	if ctx.Err() != nil {
		fmt.Fprintln(c.Out, "\nstopped; nothing is left behind")
		return verb.Exit(130)
	}
	return err
}

func faultNames() []string {
	var out []string
	for _, f := range stage.Faults(stage.Short) {
		out = append(out, f.Name)
	}
	return out
}

func chooseFaults(list, length string) ([]stage.Fault, error) {
	lengths, err := stage.LengthsOf(length)
	if err != nil {
		return nil, verb.UsageError(err.Error())
	}
	var out []stage.Fault
	names := strings.Split(list, ",")
	for _, f := range stage.Faults(lengths) {
		if i := slices.Index(names, f.Name); i >= 0 || list == "all" {
			out = append(out, f)
			if i >= 0 {
				names = slices.Delete(names, i, i+1)
			}
		}
	}
	if list != "all" && len(names) > 0 {
		return nil, verb.UsageError(fmt.Sprintf("there is no fault %q; there are %s", names[0], strings.Join(faultNames(), ", ")))
	}
	return out, nil
}

// demo puts the cluster on the stage and plays the faults.
func demo(ctx context.Context, c *verb.Console, o demoOptions, faults []stage.Fault) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "holdfast-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	} else if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	options := stage.Options{Holdfast: []string{self}, Dir: o.dir}
	if o.tls {
		if options.Extra, err = stage.TLS(o.dir); err != nil {
			return err
		}
	}
	s, err := stage.New(options)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Three machines, n1 to n3, and a client, as network namespaces. The group \"web\" has %s and %s.\n", stage.VIP4, stage.VIP6)
	start := time.Now()
	defer s.Close()
	if err := s.Open(ctx); err != nil {
		return err
	}
	holder, leader, err := s.Settle(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Up after %s: %s leads, %s holds the addresses; leases are enforced by %s.\n", time.Since(start).Round(time.Millisecond), leader, holder, fenceOf(ctx, s, holder))
	results := map[string][]result{}
	for round := range o.rounds {
		if o.rounds > 1 {
			fmt.Fprintf(c.Out, "\nRound %d of %d\n", round+1, o.rounds)
		}
		for _, f := range faults {
			r, err := play(ctx, c, s, f)
			if err != nil {
				return fmt.Errorf("fault %q: %w", f.Name, err)
			}
			results[f.Name] = append(results[f.Name], r)
		}
	}
	if err := showTimeline(ctx, c, s); err != nil {
		return err
	}
	return summary(c, faults, results)
}

// fenceOf is what enforces the leases on the holder, once it serves.
func fenceOf(ctx context.Context, s *stage.Stage, holder string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var st group.FailoverStatus
		if err := s.Get(ctx, holder, "/v1/failover/status", &st); err == nil && len(st.Holdings) > 0 {
			if st.Holdings[0].Fence == "nftables" {
				return "nftables, the weaker fallback where BPF is not allowed"
			}
			return st.Holdings[0].Fence
		}
		select {
		case <-ctx.Done():
			return "nothing yet"
		case <-tick.C:
		}
	}
}

// result is what the client saw of one fault.
type result struct {
	outage, two time.Duration
	after       time.Duration // the longest outage after the fault was over
	ended       bool          // it ended by itself
}

// play lets one fault happen and prints what the client saw.
func play(ctx context.Context, c *verb.Console, s *stage.Stage, f stage.Fault) (result, error) {
	x, err := s.Begin(ctx, f.Role)
	if err != nil {
		return result{}, err
	}
	fmt.Fprintf(c.Out, "\n%s (%s leads)\n", verb.UpperFirst(strings.ReplaceAll(f.Text, "%s", x.Holder)), x.Leader)
	still := watchStillness(ctx)
	err = f.Run(ctx, x)
	v4, v6 := x.End()
	stood := still.end()
	if err != nil {
		return result{}, err
	}
	for _, r := range []lab.Report{v4, v6} {
		var heard []string
		for _, h := range r.Heard {
			heard = append(heard, h.Machine)
		}
		fmt.Fprintf(c.Out, "  %-12s answered by %-18s outage %7.1f ms   two at once %.1f ms\n", r.VIP, strings.Join(heard, ", then "), ms(r.Outage), ms(r.Two))
	}
	if stood > 0 {
		fmt.Fprintf(c.Out, "  this whole machine stood still for %.0f ms meanwhile, the demo's machines with it: a lease lives 700 ms\n", ms(stood))
	}
	if f.Mend != nil {
		if err := f.Mend(ctx, x); err != nil {
			return result{}, err
		}
	}
	_, _, err = s.Settle(ctx)
	r := result{outage: max(v4.Outage, v6.Outage), two: max(v4.Two, v6.Two)}
	r.after, r.ended = x.After(v4, v6)
	if r.after > 0 {
		fmt.Fprintf(c.Out, "  and after the fault was over: outage %.1f ms\n", ms(r.after))
	}
	return r, err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// showTimeline prints the replicated timeline, as `holdfast timeline` does.
func showTimeline(ctx context.Context, c *verb.Console, s *stage.Stage) error {
	holder, _, err := s.Settle(ctx)
	if err != nil {
		return err
	}
	var ts []group.Transition
	if err := s.Get(ctx, holder, "/v1/failover/timeline?limit=200", &ts); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "\nThe timeline, as every machine has it:")
	return failover.PrintTimeline(c, ts)
}

// summary prints the medians, and fails where two machines ever answered at once.
func summary(c *verb.Console, faults []stage.Fault, results map[string][]result) error {
	var rows [][]string
	two := time.Duration(0)
	for _, f := range faults {
		rs := results[f.Name]
		outages := make([]time.Duration, len(rs))
		for i, r := range rs {
			outages[i] = r.outage
			two = max(two, r.two)
		}
		slices.Sort(outages)
		n := len(outages)
		rows = append(rows, []string{
			f.Name, fmt.Sprintf("%.0f", ms(outages[n/2])), fmt.Sprintf("%.0f", ms(outages[0])), fmt.Sprintf("%.0f", ms(outages[n-1])),
			fmt.Sprintf("%.0f", ms(f.Limit)), maxAfter(rs), fmt.Sprintf("%.0f", ms(maxTwo(rs))), strconv.Itoa(n),
		})
	}
	fmt.Fprintln(c.Out)
	if err := verb.Table(c.Out, []string{"Fault", "Outage ms (median)", "min", "max", "promised", "after it ms", "two at once ms", "runs"}, rows); err != nil {
		return err
	}
	if two > 0 {
		return errors.New("two machines answered for one address at once: this must never happen; please report it with the logs (-dir)")
	}
	return nil
}

// maxAfter is the longest outage after the fault was over, "-" for one that does not end by itself.
func maxAfter(rs []result) string {
	var out time.Duration
	for _, r := range rs {
		if !r.ended {
			return "-"
		}
		out = max(out, r.after)
	}
	return fmt.Sprintf("%.0f", ms(out))
}

func maxTwo(rs []result) time.Duration {
	var out time.Duration
	for _, r := range rs {
		out = max(out, r.two)
	}
	return out
}
