package verb

import (
	"context"
	"slices"
	"strings"
)

// Verb is one command of the command line, or a family of them.
type Verb struct {
	Name  string // all of its words
	Args  string // what follows them, beside flags
	Short string // what it does, in half a line
	Long  string // what a user should know beyond that

	Examples []string // command lines, without the name of the program

	Run  func(ctx context.Context, c *Console, args []string) error
	Subs []Verb // of a family, which has no Run

	Hidden bool // the help and completion do not list it
	Absent bool // it is one of Consul's that only says why it is not offered; the last line of the help lists it
}

// find is the verb that a command line names, and what follows its name.
func find(choices []Verb, args []string) (v Verb, rest []string, ok bool) {
	for rest = args; len(rest) > 0; choices, rest = v.Subs, rest[1:] {
		name := strings.TrimSpace(v.Name + " " + rest[0])
		i := slices.IndexFunc(choices, func(c Verb) bool { return c.Name == name })
		if i < 0 {
			break
		}
		v, ok = choices[i], true
	}
	return v, rest, ok
}

// usage is the line that shows how the verb is written.
func (v Verb) usage() string {
	line := "holdfast " + v.Name
	if v.Run != nil {
		line += " [flags]"
	}
	return strings.TrimSpace(line + " " + v.Args)
}

func (v Verb) subNames() string {
	var out []string
	for _, s := range v.Subs {
		if s.Absent {
			continue
		}
		out = append(out, strings.TrimPrefix(s.Name, v.Name+" "))
	}
	return strings.Join(out, ", ")
}
