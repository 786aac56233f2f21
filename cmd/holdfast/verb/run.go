package verb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// unknown is the exit code where there is no verb, or one that does not exist.
const unknown = 127

// Run carries out one command line with these verbs and answers the exit code.
func Run(ctx context.Context, c *Console, all []Verb, args []string) int {
	if len(args) == 0 {
		usage(c.Err, all)
		return unknown
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) == 1 {
			usage(c.Out, all)
			return 0
		}
		args = append(args[1:len(args):len(args)], "-h")
	case "-v", "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	v, rest, ok := find(all, args)
	switch {
	case !ok:
		fmt.Fprintf(c.Err, "holdfast: there is no verb %q; `holdfast help` lists them\n", args[0])
		return unknown
	case v.Run != nil:
		with := *c
		with.verb = v
		return exitCode(c, v, v.Run(ctx, &with, rest))
	case len(rest) > 0 && IsHelp(rest[0]):
		v.teach(c.Out, nil)
		return 0
	case len(rest) > 0:
		return exitCode(c, v, UsageError(fmt.Sprintf("there is no %q; there are %s", rest[0], v.subNames())))
	}
	v.teach(c.Err, nil)
	return 1
}

// IsHelp is whether an argument asks for help.
func IsHelp(arg string) bool {
	return arg == "-h" || arg == "-help" || arg == "--help" || arg == "help"
}

func exitCode(c *Console, v Verb, err error) int {
	var exit Exit
	var use UsageError
	code := 1
	if f, ok := errors.AsType[Failure](err); ok {
		code = f.Code
	}
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &use):
		fmt.Fprintf(c.Err, "holdfast %s: %s\nusage: %s\n", v.Name, string(use), v.usage())
		return code
	}
	fmt.Fprintf(c.Err, "holdfast %s: %s\n", v.Name, strings.TrimRight(err.Error(), "\n"))
	return code
}

// usage prints the help of the whole program.
func usage(w io.Writer, all []Verb) {
	fmt.Fprint(w, "holdfast keeps the addresses and the services of a small cluster alive.\n\nusage: holdfast VERB [flags] [arguments]\n\n")
	printVerbs(w, all)
	fmt.Fprintf(w, "\n%s\n", fold("Verbs of Consul's that are not offered, and say why: "+strings.Join(hidden(all), ", ")+"."))
	fmt.Fprintf(w, "\n%s\n", fold("`holdfast VERB -h` or `holdfast help VERB` teaches a verb. Flags may stand before and after the arguments. "+
		"The client verbs find the agent at -http-addr, or at HOLDFAST_HTTP_ADDR or CONSUL_HTTP_ADDR, or at 127.0.0.1:8500. "+
		"The exit code is 0 where a verb has done what it says, 1 where it has not, and 127 where there is no such verb."))
}

func hidden(all []Verb) []string {
	var out []string
	for _, v := range all {
		if v.Absent {
			out = append(out, v.Name)
		}
	}
	return out
}
