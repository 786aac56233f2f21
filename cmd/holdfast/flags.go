package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// newFlags makes a verb's flag set. name is the verb's.
func newFlags(c *console, name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(c.out)
	fs.Usage = func() {
		if v, _, ok := find(strings.Fields(name)); ok {
			v.teach(c.out, fs)
		}
	}
	return fs
}

// parseFlags parses, with flags before, between and after the arguments, which fs then answers. What goes wrong is a usageError; -h prints
// the help and ends the program with code 0.
func parseFlags(fs *flag.FlagSet, args []string) error { return parse(fs, args, false) }

// parseWithValues is parseFlags for a verb whose arguments may begin with a dash: behind the first argument only a flag of the verb is one.
func parseWithValues(fs *flag.FlagSet, args []string) error { return parse(fs, args, true) }

func parse(fs *flag.FlagSet, args []string, values bool) error {
	out, help := fs.Output(), fs.Usage
	fs.SetOutput(io.Discard) // the flag package is not to say anything by itself
	fs.Usage = func() {}
	defer fs.SetOutput(out)
	var rest []string
	for len(args) > 0 {
		if values && len(rest) > 0 && strings.HasPrefix(args[0], "-") && !isFlag(fs, args[0]) && args[0] != "--" {
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		err := fs.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			help()
			return exitError{0}
		case err != nil:
			return usageError{err.Error()}
		}
		parsed := args[:len(args)-fs.NArg()]
		if len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			rest = append(rest, fs.Args()...)
			break
		}
		args = fs.Args()
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return fs.Parse(append([]string{"--"}, rest...))
}

func isFlag(fs *flag.FlagSet, arg string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	return fs.Lookup(name) != nil || name == "h" || name == "help"
}

// wantArgs is a usageError unless a verb has been given from least to most arguments; what says which.
func wantArgs(fs *flag.FlagSet, least, most int, what string) error {
	if n := fs.NArg(); n < least || n > most {
		return usageError{"want " + what + given(fs.Args())}
	}
	return nil
}

func given(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf(", not %q", args)
}

// formatFlag is -format.
type formatFlag struct{ json bool }

func (f *formatFlag) register(fs *flag.FlagSet) {
	fs.Var(f, "format", "`how` to print: pretty, or json for the answer of the API")
}

func (f *formatFlag) String() string {
	if f.json {
		return "json"
	}
	return "pretty"
}

// Set takes a value of -format.
func (f *formatFlag) Set(s string) error {
	if !slices.Contains([]string{"pretty", "json"}, s) {
		return errors.New("want pretty or json")
	}
	f.json = s == "json"
	return nil
}

// clientFlags are the flags that every client verb has.
type clientFlags struct {
	addr, token, tokenFile string
}

func (f *clientFlags) register(c *console, fs *flag.FlagSet) {
	fs.StringVar(&f.addr, "http-addr", cmp.Or(setting(c, "HTTP_ADDR"), defaultHTTPAddr), "`address` of the agent's HTTP API: host:port, http://host:port or unix:///path")
	fs.StringVar(&f.token, "token", "", "ACL `token`; else it is read from HOLDFAST_HTTP_TOKEN")
	fs.StringVar(&f.tokenFile, "token-file", "", "`file` with the ACL token; else HOLDFAST_HTTP_TOKEN_FILE names one")
}

// setting is an environment variable of the clients, under our name or under Consul's.
func setting(c *console, name string) string {
	return cmp.Or(c.env("HOLDFAST_"+name), c.env("CONSUL_"+name))
}

// clientVerb parses the flags of a client verb that has no others, and hands over its arguments.
func clientVerb(c *console, name string, args []string) (*client, []string, error) {
	fs := newFlags(c, name)
	var f clientFlags
	f.register(c, fs)
	if err := parseFlags(fs, args); err != nil {
		return nil, nil, err
	}
	cl, err := f.client(c)
	return cl, fs.Args(), err
}
