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
	"path/filepath"
	"strings"

	"holdfast/failover/lab"
)

// console is where a verb reads and prints.
type console struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	name     string // what the program was called as
}

// usageError is a mistake on the command line; the verb's usage line follows it.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// exitError ends the program with a code of its own, after the verb has said why.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

func main() {
	lab.Child() // the demo's machines start this program for their own purposes
	os.Exit(runProcess())
}

// runProcess carries out the command line of this process.
func runProcess() int {
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, name: filepath.Base(os.Args[0])}
	return run(context.Background(), c, os.Args[1:])
}

// unknownVerb is the exit code where there is no verb, or one that does not exist.
const unknownVerb = 127

// run carries out one command line and answers the exit code.
func run(ctx context.Context, c *console, args []string) int {
	if len(args) == 0 {
		usage(c.err)
		return unknownVerb
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) == 1 {
			usage(c.out)
			return 0
		}
		args = append(args[1:len(args):len(args)], "-h")
	case "-v", "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	v, rest, ok := find(args)
	switch {
	case !ok:
		fmt.Fprintf(c.err, "holdfast: there is no verb %q; `holdfast help` lists them\n", args[0])
		return unknownVerb
	case v.run != nil:
		return exitCode(c, v, v.run(ctx, c, rest))
	case len(rest) > 0 && isHelp(rest[0]):
		v.teach(c.out, nil)
		return 0
	case len(rest) > 0:
		return exitCode(c, v, usageError{fmt.Sprintf("there is no %q; there are %s", rest[0], v.subNames())})
	}
	v.teach(c.err, nil)
	return 1
}

func isHelp(arg string) bool {
	return arg == "-h" || arg == "-help" || arg == "--help" || arg == "help"
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
		fmt.Fprintf(c.err, "holdfast %s: %s\nusage: %s\n", v.name, use.text, v.usage())
		return 1
	}
	fmt.Fprintf(c.err, "holdfast %s: %s\n", v.name, strings.TrimRight(err.Error(), "\n"))
	return 1
}
