package effect

import (
	"log/slog"
	"slices"
	"strings"
	"sync"

	"holdfast/cluster"
)

// Wanted is what one group wants of this machine at this moment.
type Wanted struct {
	Group   string
	Effects *cluster.Effects
	Open    bool // the group is served: routes and NAT are wanted; else sysctls alone
}

// Changes are what a Set did, in words: "route 0.0.0.0/0 via 10.0.0.1".
type Changes struct {
	Added    []string
	Removed  []string
	Restored []string // were there before, and had gone
}

// Host makes one machine agree. Its methods may be called from several goroutines.
type Host struct {
	dir string
	log *slog.Logger

	mu     sync.Mutex // guards following
	ledger ledger
	routes map[routeKey]bool // that were put here
	nat    []string          // the rules that were put here
	natOld bool              // the table of an earlier daemon has been looked for
}

// New makes a Host that keeps its ledger in a directory; Open reads it.
func New(dir string, log *slog.Logger) *Host {
	return &Host{dir: dir, log: log, routes: map[routeKey]bool{}}
}

// Open reads the ledger of an earlier daemon.
func (h *Host) Open() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ledger.read(h.dir)
}

// Set makes the machine agree with all that is wanted of it. Without prune nothing is removed: it is for the time in which it is not yet known
// what an earlier daemon's leavings are wanted for. The errors are sentences, by group; "" is for what concerns none.
func (h *Host) Set(want []Wanted, prune bool) (Changes, map[string]error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b Wanted) int { return strings.Compare(a.Group, b.Group) })
	var done Changes
	errs := map[string]error{}
	fail := func(group string, err error) {
		if err != nil && errs[group] == nil {
			errs[group] = err
		}
	}
	h.setSysctls(want, prune, &done, fail)
	h.setRoutes(want, prune, &done, fail)
	h.setNAT(want, prune, &done, fail)
	return done, errs
}
