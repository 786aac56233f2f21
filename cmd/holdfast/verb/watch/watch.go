// Package watch is the verb that waits for changes.
package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
	"holdfast/cmd/holdfast/verb"
	"holdfast/failover/watch"
)

// Verb is `watch`.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "watch", Args: "-type TYPE [PROGRAM ...]", Short: "wait for changes, and hand each to a program", Run: run,
		Long: `Without a program the answer is printed in JSON, and that is all. With one it is run for the answer, and again whenever that changes, with the
answer in JSON on its standard input and its index in CONSUL_INDEX. A program that fails ends the watch with exit code 1.

    holdfast watch -type key -key vips/web
    holdfast watch -type service -service db -passingonly=true -- ./proxy-config.sh

Types: key (-key), keyprefix (-prefix), services, nodes, service (-service, -tag, -passingonly), checks (-service or -state) and event (-name). An
agent runs watches by itself: watches in its config says which.`,
	}
}

// watchFlags are the flags of `holdfast watch`.
type watchFlags struct {
	client verb.ClientFlags
	watch  cluster.Watch
	shell  bool
}

func (f *watchFlags) register(c *verb.Console, fs *flag.FlagSet) {
	f.client.Register(c, fs)
	w := &f.watch
	fs.StringVar(&w.Type, "type", "", "`type` of what is watched")
	fs.StringVar(&w.Key, "key", "", "`key` of the key/value store")
	fs.StringVar(&w.Prefix, "prefix", "", "`prefix` of keys")
	fs.StringVar(&w.Service, "service", "", "`name` of a service")
	fs.Func("tag", "a `tag` that the instances have (repeatable)", func(s string) error { w.Tags = append(w.Tags, s); return nil })
	fs.Func("passingonly", "`true` for the instances alone whose checks all pass", func(s string) (err error) {
		if w.PassingOnly, err = strconv.ParseBool(s); err != nil {
			return errors.New("want true or false")
		}
		return nil
	})
	fs.StringVar(&w.State, "state", "", "`state` of checks: passing, warning, critical or any")
	fs.StringVar(&w.Name, "name", "", "`name` of an event; without one every event counts")
	fs.StringVar(&w.Filter, "filter", "", "`expression` that chooses among the answers")
	fs.BoolVar(&f.shell, "shell", true, "hand the program's line to the shell that SHELL names, or to /bin/sh")
}

func run(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f watchFlags
	f.register(c, fs)
	if err := verb.ParseProgram(fs, args); err != nil {
		return err
	}
	if f.watch.Type == "" {
		return verb.UsageError("want a type: key, keyprefix, services, nodes, service, checks or event, as -type=key")
	}
	if err := f.watch.Question(); err != nil {
		return verb.UsageError(err.Error())
	}
	cl, err := f.client.Client(c)
	if err != nil {
		return err
	}
	return f.follow(ctx, c, watch.NewFollower(remote{cl}, &f.watch), f.program(c, fs.Args()))
}

// program is the command line that is run for each answer, nil for none.
func (f *watchFlags) program(c *verb.Console, args []string) []string {
	if len(args) > 0 && f.shell {
		return []string{cmp.Or(c.Env("SHELL"), "/bin/sh"), "-c", strings.Join(args, " ")}
	}
	return args
}

// follow hands each answer on. An agent that cannot be reached is an error at the first question; later it is asked again.
func (f *watchFlags) follow(ctx context.Context, c *verb.Console, fo *watch.Follower, program []string) error {
	for first := true; ; first = false {
		r, _, err := fo.Next(ctx, 0)
		switch {
		case err != nil && (first || ctx.Err() != nil):
			return err
		case err != nil:
			fmt.Fprintln(c.Err, "asking again:", err)
			if !pause.For(ctx, time.Second) {
				return ctx.Err()
			}
			continue
		case len(program) == 0:
			return printWatched(c.Out, r.JSON)
		}
		fo.Take(r)
		cmd := watch.Command(ctx, program, r)
		cmd.Stdout, cmd.Stderr = c.Out, c.Err
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(program, " "), err)
		}
	}
}

// printWatched prints an answer with Consul's indents.
func printWatched(w io.Writer, b []byte) error {
	out, err := json.MarshalIndent(json.RawMessage(b), "", "    ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", out)
	return err
}

// remote is an agent as a source of answers.
type remote struct{ *verb.Client }

func (r remote) Ask(ctx context.Context, path string, query url.Values) (watch.Answer, error) {
	body, index, found, err := r.Wait(ctx, path, query)
	return watch.Answer{Found: found, Body: body, Index: index}, err
}
