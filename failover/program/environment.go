package program

import (
	"path"
	"slices"
	"strings"
)

// Environment says which variables of this process a program is to see, and which others. The zero value is all, and no others.
type Environment struct {
	Pristine bool     // none of this process's
	Allow    []string // patterns as of path.Match; where there are any, only variables that match one
	Deny     []string // patterns; none that matches one, whatever Allow says
	Custom   []string // "NAME=value" besides; they win
}

// Check says in one sentence what is wrong, or nothing.
func (e Environment) Check() string {
	for _, p := range slices.Concat(e.Allow, e.Deny) {
		if _, err := path.Match(p, ""); err != nil {
			return "the pattern " + p + " of variables is not usable: a [ in it needs its ]"
		}
	}
	for _, v := range e.Custom {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			return "the variable " + v + " is not usable: write it as NAME=value"
		}
	}
	return ""
}

// Of is the program's environment, where that of this process is environ.
func (e Environment) Of(environ []string) []string {
	out := []string{}
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		allowed := !e.Pristine && (len(e.Allow) == 0 || matches(e.Allow, name)) && !matches(e.Deny, name)
		if allowed && !slices.ContainsFunc(e.Custom, func(c string) bool { return strings.HasPrefix(c, name+"=") }) {
			out = append(out, v)
		}
	}
	return append(out, e.Custom...)
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name) // Check has said what is wrong with a pattern
		return ok
	})
}
