package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// verb is one command of the command line, or a family of them.
type verb struct {
	name  string // all of its words
	args  string // what follows them, beside flags
	short string // what it does, in half a line
	long  string // what a user should know beyond that
	run   func(ctx context.Context, c *console, args []string) error
	subs  []verb // of a family, which has no run
}

// verbs is the whole command line, in the order of the help.
func verbs() []verb {
	return []verb{
		agentVerb(), validateVerb(), membersVerb(), joinVerb(), leaveVerb(), rttVerb(), statusVerb(), groupVerb(), explainVerb(), timelineVerb(),
		kvVerb(), snapshotVerb(), operatorVerb(), keyringVerb(), dnsVerb(), keygenVerb(), demoVerb(), versionVerb(),
	}
}

// demoVerb plays the faults; verb_demo.go does.
func demoVerb() verb {
	return verb{
		name: "demo", short: "three machines, five faults, one address: what a client sees", run: runDemo,
		long: `Makes three machines and a client on this one, as network namespaces, starts an agent on each of the three and lets one fault after the
other happen to the one that holds the address. After each it prints who answered, for how long nobody did, and for how long two did: never.
It needs Linux, and root or user namespaces. Nothing of it reaches the network of this machine, and nothing is left behind.`,
	}
}

// find is the verb that a command line names, and what follows its name.
func find(args []string) (v verb, rest []string, ok bool) {
	choices := verbs()
	for rest = args; len(rest) > 0; choices, rest = v.subs, rest[1:] {
		name := strings.TrimSpace(v.name + " " + rest[0])
		i := slices.IndexFunc(choices, func(c verb) bool { return c.name == name })
		if i < 0 {
			break
		}
		v, ok = choices[i], true
	}
	return v, rest, ok
}

// usage is the line that shows how the verb is written.
func (v verb) usage() string {
	line := "holdfast " + v.name
	if v.run != nil {
		line += " [flags]"
	}
	return strings.TrimSpace(line + " " + v.args)
}

func (v verb) subNames() string {
	var out []string
	for _, s := range v.subs {
		out = append(out, strings.TrimPrefix(s.name, v.name+" "))
	}
	return strings.Join(out, ", ")
}

// teach prints the help of a verb: how it is written, what it does, its flags or its sub-verbs.
func (v verb) teach(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "usage: %s\n\n%s.\n", v.usage(), upperFirst(v.short))
	if v.long != "" {
		for p := range strings.SplitSeq(v.long, "\n\n") {
			fmt.Fprintf(w, "\n%s\n", fold(p))
		}
	}
	if len(v.subs) > 0 {
		fmt.Fprintln(w)
		printVerbs(w, v.subs)
		fmt.Fprintf(w, "\n`holdfast %s VERB -h` teaches one of them.\n", v.name)
	}
	if fs != nil {
		printFlags(w, fs)
	}
}

// printVerbs prints verbs with what they do, a line each.
func printVerbs(w io.Writer, vs []verb) {
	t := tabwriter.NewWriter(w, 0, 4, 3, ' ', 0)
	for _, v := range vs {
		fmt.Fprintf(t, "  %s\t%s\n", strings.TrimSpace(v.name+" "+v.args), v.short)
	}
	_ = t.Flush() // as all printing of help
}

// printFlags prints the flags of a verb. Those without a usage do nothing: they stand together at the end.
func printFlags(w io.Writer, fs *flag.FlagSet) {
	var silent []string
	var rows [][2]string
	column := 0
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" {
			silent = append(silent, "-"+f.Name)
			return
		}
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		name := strings.TrimSpace("-" + f.Name + " " + value)
		rows = append(rows, [2]string{name, text})
		column = max(column, len(name)+5)
	})
	fmt.Fprintln(w, "\nFlags:")
	for _, r := range rows {
		lines := wrap(strings.Fields(r[1]), lineWidth-column)
		fmt.Fprintf(w, "  %-*s%s\n", column-2, r[0], strings.Join(lines, "\n"+strings.Repeat(" ", column)))
	}
	if len(silent) > 0 {
		fmt.Fprintf(w, "\nAccepted because Consul has them, without effect here:\n  %s\n", strings.Join(wrap(silent, lineWidth-2), "\n  "))
	}
}

// lineWidth is how long the lines of a help are at most.
const lineWidth = 100

// fold lays a paragraph out in lines. One that is indented is an example, and stays as it is.
func fold(paragraph string) string {
	if strings.HasPrefix(paragraph, " ") {
		return paragraph
	}
	return strings.Join(wrap(strings.Fields(paragraph), lineWidth), "\n")
}

// wrap lays words out in lines.
func wrap(words []string, width int) (lines []string) {
	line := ""
	for _, w := range words {
		if line != "" && len(line)+1+len(w) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}

// usage prints the help of the whole program.
func usage(w io.Writer) {
	fmt.Fprint(w, "holdfast keeps the addresses and the services of a small cluster alive.\n\nusage: holdfast VERB [flags] [arguments]\n\n")
	printVerbs(w, verbs())
	fmt.Fprintf(w, "\n%s\n", fold("`holdfast VERB -h` or `holdfast help VERB` teaches a verb. Flags may stand before and after the arguments. "+
		"The client verbs find the agent at -http-addr, or at HOLDFAST_HTTP_ADDR or CONSUL_HTTP_ADDR, or at 127.0.0.1:8500. "+
		"The exit code is 0 where a verb has done what it says, 1 where it has not, and 127 where there is no such verb."))
}
