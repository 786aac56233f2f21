package local

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/check"
	"holdfast/cluster/state"
)

// alias repeats the health of a node, or of an instance on it, as this member's copy of the catalog has it: it is told of each change.
type alias struct {
	catalog Catalog
	of      cluster.AliasCheck // with its node
	self    string             // the key of the check itself, which does not count
	node    string             // that the check belongs to
	report  func(check.Result)
}

func (r *Registry) newAlias(c *Check, report func(check.Result)) *alias {
	of := *c.Definition.Alias
	of.Node = cmp.Or(of.Node, r.opts.Node.Name)
	return &alias{catalog: r.catalog, of: of, self: key(c.ID), node: r.opts.Node.Name, report: report}
}

// aliasPause is the pause before the catalog is asked again whether it has caught up.
const aliasPause = time.Second

// Run reports the health once this member's copy of the catalog has caught up with the leader, and whenever it changes then. Before that, a
// member that has just started would find nothing there, and call well what it is an alias of gone.
func (a *alias) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := a.catalog.Query(ctx, cluster.QueryOptions{}, func(*state.View) error { return nil }); err == nil {
			break
		}
		again := time.NewTimer(aliasPause)
		select {
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
	}
	for ctx.Err() == nil {
		view := a.catalog.WatchView()
		a.report(a.look(view))
		_ = view.Wait(ctx) // changed or over
	}
}

// look is the worst of the node's checks and the instance's. The outputs are Consul's.
func (a *alias) look(view *state.View) check.Result {
	checks := view.NodeChecks(a.of.Node)
	switch {
	case view.Node(a.of.Node) == nil:
		return check.Result{Status: cluster.Critical, Output: fmt.Sprintf("Node %s could not be found", a.of.Node)}
	case a.of.Service != "" && view.NodeService(a.of.Node, a.of.Service) == nil:
		return check.Result{Status: cluster.Critical, Output: fmt.Sprintf("Service %s could not be found on node %s", a.of.Service, a.of.Node)}
	}
	worst, seen := check.Result{Status: cluster.Passing, Output: "No checks found."}, false
	for _, c := range checks {
		if c.ServiceID != "" && key(c.ServiceID) != key(a.of.Service) || key(c.ID) == a.self && strings.EqualFold(a.of.Node, a.node) {
			continue
		}
		if !seen {
			worst.Output, seen = "All checks passing.", true
		}
		if worst.Status.Worse(c.Status) != worst.Status {
			worst = check.Result{Status: c.Status, Output: fmt.Sprintf("Aliased check %q failing: %s", c.Name, c.Output)}
		}
	}
	return worst
}
