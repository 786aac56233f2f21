package route

import (
	"regexp"
	"strings"
)

// Match is how the path of a route and that of a request are compared.
type Match string

// The ways to compare. In a pattern * stands for any text, also with slashes, ? for one character, [abc] for one of them and {a,b} for one of
// several texts.
const (
	Prefix     Match = "prefix"  // the request's begins with the route's
	PrefixFold Match = "iprefix" // likewise, in capitals or not
	Glob       Match = "glob"    // the request's as a whole is as the pattern of the route says
)

// test is what tells whether a path fits.
func (m Match) test(routePath string) func(string) bool {
	switch m {
	case PrefixFold:
		return func(s string) bool {
			return len(s) >= len(routePath) && strings.EqualFold(s[:len(routePath)], routePath)
		}
	case Glob:
		if r, err := regexp.Compile(`(?s)\A` + pattern(routePath) + `\z`); err == nil {
			return r.MatchString
		}
		return func(s string) bool { return s == routePath } // no pattern: what it says
	}
	return func(s string) bool { return strings.HasPrefix(s, routePath) }
}

// pattern is a glob as a regular expression.
func pattern(glob string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteByte('.')
		case c == '\\' && i+1 < len(glob):
			i++
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		case c == '{':
			depth++
			b.WriteString("(?:")
		case c == '}' && depth > 0:
			depth--
			b.WriteByte(')')
		case c == ',' && depth > 0:
			b.WriteByte('|')
		case c == '[' && strings.IndexByte(glob[i:], ']') > 1:
			end := i + strings.IndexByte(glob[i:], ']')
			set := strings.ReplaceAll(glob[i+1:end], `\`, `\\`)
			if rest, ok := strings.CutPrefix(set, "!"); ok {
				set = "^" + rest
			}
			b.WriteString("[" + set + "]")
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	return b.String()
}
