// Command holdfast keeps the addresses and the services of a small cluster alive: one binary on each of three machines.
//
// `holdfast agent` is the daemon; every other verb is a client of its HTTP API, or, like demo and validate, stands alone. `holdfast help`
// lists them. There is one file per verb.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"holdfast/failover/lab"
)

// verb is one command of the command line.
type verb struct {
	name  string
	args  string // what follows it, for the help
	short string // what it does, in half a line
	run   func(ctx context.Context, c *console, args []string) error
}

// verbs is the whole command line, in the order of the help.
func verbs() []verb {
	return []verb{
		{"agent", "[flags]", "run the daemon", runAgent},
		{"validate", "FILE|DIR ...", "check config files and change nothing", runValidate},
		{"members", "[flags]", "list the members of the gossip pool", runMembers},
		{"join", "ADDRESS ...", "make the agent join the pool of these members", runJoin},
		{"leave", "", "make the agent leave in good order, and stop", runLeave},
		{"status", "[flags]", "machines, groups and leases at a glance", runStatus},
		{"group", "apply|plan|list|show|move|delete", "failover groups", runGroup},
		{"explain", "GROUP", "why a group is where it is, and why not elsewhere", runExplain},
		{"timeline", "[GROUP]", "what happened to the groups, and why", runTimeline},
		{"kv", "get|put|delete", "read and write the key/value store", runKV},
		{"keygen", "", "print a new gossip key for encrypt", runKeygen},
		{"demo", "[flags]", "three machines, five faults, one address: what a client sees", runDemo},
		{"version", "", "print the version", runVersion},
	}
}

// console is where a verb reads and prints.
type console struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
}

// usageError is a mistake on the command line; the verb's help follows it.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// exitError ends the program with a code of its own, after the verb has said why.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

func main() {
	lab.Child() // the demo's machines start this program for their own purposes
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	os.Exit(run(context.Background(), c, os.Args[1:]))
}

// run carries out one command line and answers the exit code.
func run(ctx context.Context, c *console, args []string) int {
	if len(args) == 0 {
		usage(c.err)
		return 127
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		usage(c.out)
		return 0
	case "-v", "-version", "--version":
		name = "version"
	}
	for _, v := range verbs() {
		if v.name != name {
			continue
		}
		return exitCode(c, v, v.run(ctx, c, rest))
	}
	fmt.Fprintf(c.err, "holdfast: there is no verb %q; `holdfast help` lists them\n", name)
	return 127
}

func exitCode(c *console, v verb, err error) int {
	var exit exitError
	var use usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &use):
		fmt.Fprintf(c.err, "holdfast %s: %s\nusage: holdfast %s\n", v.name, use.text, strings.TrimSpace(v.name+" "+v.args))
		return 1
	}
	fmt.Fprintf(c.err, "holdfast %s: %s\n", v.name, err)
	return 1
}

func usage(w io.Writer) {
	fmt.Fprint(w, "holdfast keeps the addresses and the services of a small cluster alive.\n\nusage: holdfast VERB [flags] [arguments]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-9s %-34s %s\n", v.name, v.args, v.short)
	}
	fmt.Fprint(w, "\n`holdfast VERB -h` tells the flags of a verb. The client verbs find the agent at -http-addr, or in HOLDFAST_HTTP_ADDR or\n"+
		"CONSUL_HTTP_ADDR, or at 127.0.0.1:8500.\n")
}
