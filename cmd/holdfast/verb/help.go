package verb

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// teach prints the help of a verb: how it is written, what it does, its flags or its sub-verbs.
func (v Verb) teach(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "usage: %s\n\n%s.\n", v.usage(), UpperFirst(v.Short))
	if v.Long != "" {
		for p := range strings.SplitSeq(v.Long, "\n\n") {
			fmt.Fprintf(w, "\n%s\n", fold(p))
		}
	}
	if len(v.Examples) > 0 {
		fmt.Fprintf(w, "\n    holdfast %s\n", strings.Join(v.Examples, "\n    holdfast "))
	}
	if len(v.Subs) > 0 {
		fmt.Fprintln(w)
		printVerbs(w, v.Subs)
		fmt.Fprintf(w, "\n`holdfast %s VERB -h` teaches one of them.\n", v.Name)
	}
	if fs != nil {
		printFlags(w, fs)
	}
}

// printVerbs prints verbs with what they do, a line each.
func printVerbs(w io.Writer, vs []Verb) {
	t := tabwriter.NewWriter(w, 0, 4, 3, ' ', 0)
	for _, v := range vs {
		if v.Hidden || v.Absent {
			continue
		}
		fmt.Fprintf(t, "  %s\t%s\n", strings.TrimSpace(v.Name+" "+v.Args), v.Short)
	}
	_ = t.Flush() // as all printing of help
}

// printFlags prints the flags of a verb: its own, those that every client verb has, and those without a usage, which do nothing.
func printFlags(w io.Writer, fs *flag.FlagSet) {
	var own, common flagTable
	var silent []string
	client := fs.Lookup("http-addr") != nil
	fs.VisitAll(func(f *flag.Flag) {
		switch {
		case f.Usage == "":
			silent = append(silent, "-"+f.Name)
		case client && isClientFlag(f.Name):
			common.add(f)
		default:
			own.add(f)
		}
	})
	own.print(w, "Flags:")
	common.print(w, "Flags of every client verb:")
	if len(silent) > 0 {
		fmt.Fprintf(w, "\nAccepted because Consul has them, without effect here:\n  %s\n", strings.Join(wrap(silent, lineWidth-2), "\n  "))
	}
}

// flagTable is flags with what they do.
type flagTable struct {
	rows   [][2]string
	column int // where the second column begins
}

func (t *flagTable) add(f *flag.Flag) {
	value, text := flag.UnquoteUsage(f)
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
		text += " (default " + f.DefValue + ")"
	}
	name := strings.TrimSpace("-" + f.Name + " " + value)
	t.rows = append(t.rows, [2]string{name, text})
	t.column = max(t.column, len(name)+5)
}

func (t *flagTable) print(w io.Writer, head string) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", head)
	for _, r := range t.rows {
		lines := wrap(strings.Fields(r[1]), lineWidth-t.column)
		fmt.Fprintf(w, "  %-*s%s\n", t.column-2, r[0], strings.Join(lines, "\n"+strings.Repeat(" ", t.column)))
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

// UpperFirst is a text that begins with a capital letter.
func UpperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
