package language

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// selector is what a function of the catalog or the store is given: "tag.name?query@dc~near|filter", or parts of it.
type selector struct {
	tag, name, dc, near string
	statuses            []string // "any" for all; empty where there is no filter
}

const (
	queryPart  = `(?:\?(?P<query>[\w\-_=&.%+]+))?`
	dcPart     = `(?:@(?P<dc>[\w.\-]+))?`
	nearPart   = `(?:~(?P<near>[\w.\-]+))?`
	filterPart = `(?:\|(?P<filter>\w+(?:,\w+)*))?`
)

// form is the form of a function's argument, and how many arguments it takes.
type form struct {
	text *regexp.Regexp
	most int
}

var (
	keyForm      = regexp.MustCompile(`^/?(?P<name>[^@?]+)` + queryPart + dcPart + `$`)
	prefixForm   = regexp.MustCompile(`^/?(?P<name>[^@?]*)` + queryPart + dcPart + `$`)
	serviceForm  = regexp.MustCompile(`^(?:(?P<tag>[\w=:.\-]+)\.)?(?P<name>[\w\-]+)` + queryPart + dcPart + nearPart + filterPart + `$`)
	servicesForm = regexp.MustCompile(`^` + queryPart + dcPart + `$`)
	nodesForm    = regexp.MustCompile(`^` + queryPart + dcPart + nearPart + `$`)
	nodeForm     = regexp.MustCompile(`^(?P<name>[\w.\-]+)` + queryPart + dcPart + `$`)
)

// The arguments of the functions.
var (
	keyArg      = form{keyForm, 1}
	prefixArg   = form{prefixForm, 1}
	serviceArg  = form{serviceForm, 2}
	servicesArg = form{servicesForm, 1}
	nodesArg    = form{nodesForm, 1}
	nodeArg     = form{nodeForm, 1}
)

// statuses of a filter.
var statuses = []string{"any", "passing", "warning", "critical", "maintenance"}

// parseSelector takes a function's argument apart. form says which parts it may have.
func parseSelector(function string, form *regexp.Regexp, s string) (selector, error) {
	m := form.FindStringSubmatch(s)
	if m == nil {
		return selector{}, fmt.Errorf("%s: %q is not of the form that the function takes", function, s)
	}
	part := func(name string) string {
		if i := form.SubexpIndex(name); i >= 0 {
			return m[i]
		}
		return ""
	}
	sel := selector{tag: part("tag"), name: part("name"), dc: part("dc"), near: part("near")}
	if filter := part("filter"); filter != "" {
		sel.statuses = strings.Split(filter, ",")
		for _, f := range sel.statuses {
			if !slices.Contains(statuses, f) {
				return selector{}, fmt.Errorf("%s: the filter %q in %q is not known: want any, passing, warning, critical or maintenance", function, f, s)
			}
		}
	}
	return sel, checkQuery(function, part("query"))
}

// checkQuery refuses the parameters that ask for what is not here. Those that name the default ask for nothing.
func checkQuery(function, query string) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%s: the query %q cannot be read: %w", function, query, err)
	}
	for k, vs := range q {
		switch {
		case k != "ns" && k != "partition" && k != "peer" && k != "sameness-group":
			return fmt.Errorf("%s: the parameter %q of %q is not known: want ns or partition", function, k, query)
		case slices.ContainsFunc(vs, func(v string) bool { return v != "" && v != "default" }):
			return fmt.Errorf("%s: there are no namespaces, partitions and peers: leave %q out", function, k+"="+vs[0])
		}
	}
	return nil
}
