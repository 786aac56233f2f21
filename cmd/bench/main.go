package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options say what is measured, and for how long.
type options struct {
	binaries []string // the first is what the others are compared with
	rounds   int
	only     []string // sections; none means all
	dir      string   // of the data directories
	addr     string   // the first three numbers of the members' addresses

	window  time.Duration // of one throughput figure
	keys    int           // of the section state
	wakeups int           // of one watcher
}

// turnLimit bounds one turn of one binary.
const turnLimit = 4 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	t := newTable(o.binaries)
	var failed []error
	for round := range o.rounds {
		for i := range o.binaries {
			fmt.Fprintf(progress, "round %d of %d: %s\n", round+1, o.rounds, t.names[i])
			if err := turn(ctx, o, i, t, progress); err != nil {
				failed = append(failed, fmt.Errorf("%s, round %d: %w", t.names[i], round+1, err))
			}
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
		}
	}
	t.print(out)
	return errors.Join(failed...)
}

func parse(args []string, usage io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(usage)
	binary := fs.String("binary", "bin/holdfast", "the program to measure")
	peer := fs.String("peer", "", "another program with the same API to measure beside it")
	quick := fs.Bool("quick", false, "one round of short windows")
	fs.IntVar(&o.rounds, "rounds", 0, "rounds (default 3, with -quick 1)")
	only := fs.String("only", "", "sections, separated by commas: "+strings.Join(sectionNames(), ", "))
	fs.StringVar(&o.dir, "dir", os.TempDir(), "where the data directories are made; should be a real disk")
	fs.StringVar(&o.addr, "addr", "127.0.88", "the first three numbers of the members' addresses")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	o.window, o.keys, o.wakeups = time.Second, 100_000, 80
	if *quick {
		o.window, o.keys, o.wakeups = 400*time.Millisecond, 20_000, 30
	}
	if o.rounds == 0 {
		o.rounds = 3
		if *quick {
			o.rounds = 1
		}
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	o.binaries = []string{*binary}
	if *peer != "" {
		o.binaries = []string{*peer, *binary} // ratios are to the peer
	}
	return o, o.check(fs)
}

func (o *options) check(fs *flag.FlagSet) error {
	switch {
	case fs.NArg() > 0:
		return fmt.Errorf("%q is too much: everything is given with flags", fs.Arg(0))
	case o.rounds < 1 || o.rounds > 50:
		return fmt.Errorf("-rounds %d: want 1 to 50", o.rounds)
	case !strings.HasPrefix(o.addr, "127.") || strings.Count(o.addr, ".") != 2:
		return fmt.Errorf("-addr %s: want three numbers of a loopback network, as 127.0.88", o.addr)
	}
	for _, s := range o.only {
		if !slices.Contains(sectionNames(), s) {
			return fmt.Errorf("-only %s: there is no such section: want some of %s", s, strings.Join(sectionNames(), ", "))
		}
	}
	for i, b := range o.binaries {
		abs, err := filepath.Abs(b)
		if err != nil {
			return err
		}
		if _, err := os.Stat(abs); err != nil {
			return fmt.Errorf("%s cannot be measured: %w", b, err)
		}
		o.binaries[i] = abs
	}
	return nil
}

// turn starts a cluster of one binary, measures every section, and ends it.
func turn(ctx context.Context, o *options, binary int, t *table, progress io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	c, err := newCluster(o.binaries[binary], o.dir, o.addr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end(err != nil)) }()
	b := &bench{options: o, cluster: c, ctx: ctx, add: func(f figure, value float64) { t.add(binary, f, value) }}
	if err := b.start(); err != nil {
		return err
	}
	for _, s := range sections {
		if len(o.only) > 0 && !slices.Contains(o.only, s.name) {
			continue
		}
		fmt.Fprintf(progress, "  %-9s %s\n", s.name, s.what)
		if err := s.run(b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
