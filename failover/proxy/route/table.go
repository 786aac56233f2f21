package route

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"net"
	"path"
	"slices"
	"strings"
)

// Target is an instance that a route leads to.
type Target struct {
	Route
	Service string
	ID      string // "n1/web-1"
	Addr    string // "10.0.0.11:8080"
}

// Table finds the targets of requests. It is built once and not changed.
type Table struct {
	exact map[string][]entry // by host, the longest path first
	globs []glob             // the longest host first
	any   []entry            // routes without a host
	all   []Target
}

// Targets are all that the table was built of and that it routes to.
func (t *Table) Targets() []Target { return t.all }

type glob struct {
	host    string
	entries []entry
}

// entry is the targets of one host and path.
type entry struct {
	path    string
	fits    func(urlPath string) bool
	targets []Target
}

// New builds the table of the HTTP routes among the targets.
func New(targets []Target, m Match) *Table {
	t := &Table{exact: map[string][]entry{}}
	hosts := map[string]map[string][]Target{}
	for _, x := range targets {
		if x.Proto == TCP || x.Proto == SNI {
			continue
		}
		t.all = append(t.all, x)
		if hosts[x.Host] == nil {
			hosts[x.Host] = map[string][]Target{}
		}
		hosts[x.Host][x.Path] = append(hosts[x.Host][x.Path], x)
	}
	for _, host := range slices.SortedFunc(maps.Keys(hosts), longestFirst) {
		paths := hosts[host]
		var es []entry
		for _, p := range slices.SortedFunc(maps.Keys(paths), longestFirst) {
			es = append(es, entry{p, m.test(p), paths[p]})
		}
		switch {
		case host == "":
			t.any = es
		case strings.ContainsAny(host, `*?[\`):
			t.globs = append(t.globs, glob{host, es})
		default:
			t.exact[host] = es
		}
	}
	return t
}

func longestFirst(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) }

// Find is the targets for a host (with or without a port) and a path: those of the most fitting route. Where the routes of a host do not fit, those of
// every host are asked.
func (t *Table) Find(host, urlPath string) []Target {
	host = strings.ToLower(host)
	for _, h := range forms(host) {
		if found := first(t.exact[h], urlPath); found != nil {
			return found
		}
		for _, g := range t.globs {
			if ok, err := path.Match(g.host, h); ok && err == nil {
				if found := first(g.entries, urlPath); found != nil {
					return found
				}
			}
		}
	}
	return first(t.any, urlPath)
}

// forms are a host as it came and without its port.
func forms(host string) []string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return []string{host, h}
	}
	return []string{host}
}

func first(es []entry, urlPath string) []Target {
	for _, e := range es {
		if e.fits(urlPath) {
			return e.targets
		}
	}
	return nil
}

// Pick chooses a target. Those of routes with a weight have that part of the requests together, service by service; the others share what is left.
// draw is between 0 and 1. load is how busy a target is: among equals in weight the least busy is taken.
func Pick(targets []Target, draw float64, load func(Target) int64) (Target, bool) {
	type class struct {
		part    float64
		targets []Target
	}
	var classes []*class
	free := &class{}
	byKey := map[string]*class{}
	sum := 0.0
	for _, t := range targets {
		if t.Weight == 0 {
			free.targets = append(free.targets, t)
			continue
		}
		c := byKey[t.Service]
		if c == nil {
			c = &class{part: t.Weight}
			byKey[t.Service], classes, sum = c, append(classes, c), sum+t.Weight
		}
		c.targets = append(c.targets, t)
	}
	if len(free.targets) > 0 && sum < 1 {
		free.part = 1 - sum
		classes, sum = append(classes, free), 1
	}
	if len(classes) == 0 {
		return Target{}, false
	}
	draw *= sum
	chosen := classes[len(classes)-1]
	for _, c := range classes {
		if draw < c.part {
			chosen = c
			break
		}
		draw -= c.part
	}
	return least(chosen.targets, load), true
}

func least(ts []Target, load func(Target) int64) Target {
	start := rand.IntN(len(ts)) //nolint:gosec // any will do
	best := ts[start]
	for i := range ts {
		if t := ts[(start+i)%len(ts)]; load(t) < load(best) {
			best = t
		}
	}
	return best
}
