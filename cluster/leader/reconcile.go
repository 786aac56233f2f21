package leader

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// retryInterval is the pause after a pass in which something failed.
const retryInterval = time.Second

// reconcile keeps the catalog and the peer set in step with the gossip pool.
func (t *Term) reconcile(ctx context.Context) {
	unknown := map[string]time.Time{} // node name -> since when gossip has not known it, as this leader saw
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.kick:
		case <-next.C:
		}
		p := &pass{Term: t, ctx: ctx, view: t.cluster.WatchView(), members: t.cluster.Members(), unknown: unknown, next: t.opts.ReconcileInterval}
		p.run()
		next.Reset(p.next)
	}
}

// pass compares every member with the catalog and the peer set once.
type pass struct {
	*Term
	ctx     context.Context
	view    *state.View
	members []cluster.Member
	peers   []cluster.Peer
	unknown map[string]time.Time
	next    time.Duration // until the next pass
}

func (p *pass) run() {
	slices.SortStableFunc(p.members, func(a, b cluster.Member) int { // the leader itself first: others may need its old address
		switch p.opts.Self {
		case a.Name:
			return -1
		case b.Name:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	var err error
	if p.peers, err = p.cluster.Peers(); err != nil {
		p.check("cannot read the peer set", "", err)
		return
	}
	p.members = slices.DeleteFunc(p.members, p.isForeign)
	var newcomers []cluster.Member
	for _, m := range p.members {
		if p.isNewcomer(m) {
			newcomers = append(newcomers, m)
			continue
		}
		p.check("cannot record a member", m.Name, p.record(m))
	}
	p.recordAtOnce(newcomers)
	p.forget()
	if err := p.reread(); err != nil {
		p.check("cannot read the peer set", "", err)
		return
	}
	for _, m := range p.members {
		p.check("cannot change the peer set", m.Name, p.seat(m))
	}
}

// isNewcomer reports whether the catalog knows nothing of a live member, so that it makes no difference when it is recorded.
func (p *pass) isNewcomer(m cluster.Member) bool {
	return m.Status == cluster.StatusAlive && p.view.Node(m.Name) == nil && p.view.NodeByID(m.Tags[cluster.TagID]) == nil
}

// recordAtOnce records members that come together: they share messages and disk syncs, where one after the other would take a round through the log
// each, to all who are there.
func (p *pass) recordAtOnce(members []cluster.Member) {
	errs := make([]error, len(members))
	var g errgroup.Group
	g.SetLimit(64)
	for i, m := range members {
		p.known(m.Name)
		g.Go(func() error {
			_, errs[i] = p.cluster.Apply(p.ctx, registration(m, p.opts.Datacenter))
			return nil
		})
	}
	_ = g.Wait() // the errors are by member
	for i, m := range members {
		p.check("cannot record a member", m.Name, errs[i])
	}
}

// known notes that gossip knows a member.
func (p *pass) known(name string) {
	p.forgetReaped(name)
	delete(p.unknown, name)
}

// isForeign reports whether a member says that it belongs to another cluster. Gossip keeps such members out; whatever gets past it is
// nobody of ours, alive or gone. While this cluster has no ID, a member that says one is ours if it has a seat: it has learned the ID before.
func (p *pass) isForeign(m cluster.Member) bool {
	theirs, ours := m.ClusterID(), cmp.Or(p.view.ClusterID(), p.opts.ClusterID)
	if theirs == "" || theirs == ours || ours == "" && p.peer(m.Tags[cluster.TagID]) != nil {
		return false
	}
	p.log.Warn("a member of another cluster is passed over", "member", m.Name, "its_cluster", theirs, "cluster", ours)
	return true
}

// check makes another pass due soon after a failure.
func (p *pass) check(what, member string, err error) {
	if err == nil || p.ctx.Err() != nil {
		return
	}
	p.log.Warn(what, "member", member, "error", err) //nolint:sloglint // each text is a constant above or below
	p.due(retryInterval)
}

func (p *pass) due(in time.Duration) { p.next = min(p.next, max(in, 0)) }

// record makes the catalog agree with one member. One that is leaving stays as it is until it has left.
func (p *pass) record(m cluster.Member) error {
	p.known(m.Name)
	switch m.Status {
	case cluster.StatusAlive:
		return p.recordAlive(m)
	case cluster.StatusFailed:
		return p.recordFailed(m.Name)
	case cluster.StatusLeft:
		return p.deregister(m.Name)
	}
	return nil
}

// recordAlive writes the member's node and its health, where the catalog says otherwise. An agent describes its own node, and may do so between
// this leader's look at the catalog and its command: so what is there is changed only while it is as it was seen.
func (p *pass) recordAlive(m cluster.Member) error {
	cmd := registration(m, p.opts.Datacenter)
	switch old := p.view.Node(m.Name); {
	case old == nil:
	case old.ID != "" && cmd.Node.ID != "" && !strings.EqualFold(old.ID, cmd.Node.ID):
		// The pool knows one member of each name, and this is not the one of the catalog: that one will not come back.
		p.log.Info("another machine has taken a node's name", "node", m.Name, "was", old.ID, "is", cmd.Node.ID)
		if err := p.replace(old); err != nil {
			return err
		}
	case old.ID != cmd.Node.ID || old.Address != cmd.Node.Address:
		if err := p.change(cluster.CatalogCAS, moved(old, cmd.Node)); err != nil {
			return err
		}
	case current(p.view, old, cmd):
		return nil
	}
	_, err := p.cluster.Apply(p.ctx, cmd)
	return err
}

// replace removes the node that a new machine takes the name of.
func (p *pass) replace(old *cluster.Node) error {
	if old.Name != p.opts.Self {
		if err := p.cluster.RemovePeer(p.ctx, old.ID); err != nil {
			return err
		}
	}
	return p.change(cluster.CatalogDeleteCAS, *old)
}

// change changes a node that is as it was seen.
func (p *pass) change(verb cluster.CatalogVerb, n cluster.Node) error {
	res, err := p.cluster.Apply(p.ctx, &cluster.Transaction{Operations: []cluster.Operation{{Node: &cluster.NodeOperation{Verb: verb, Node: n}}}})
	if err != nil {
		return err
	}
	if failed := res.(*cluster.TransactionResult).Errors; len(failed) > 0 { //nolint:forcetypeassert // it is the result of a transaction
		return cluster.Errorf(cluster.Conflict, "%s", failed[0].What)
	}
	return nil
}

// recordFailed turns a node critical. One that failed before it was ever registered is not.
func (p *pass) recordFailed(name string) error {
	node := p.view.Node(name)
	if node == nil || name == p.opts.Self {
		return nil
	}
	check := health(node.Name, cluster.Critical)
	if healthCurrent(p.view, check) {
		return nil
	}
	p.log.Info("a node has failed", "node", node.Name)
	_, err := p.cluster.Apply(p.ctx, &cluster.Register{Node: *node, SkipNodeUpdate: true, Checks: []*cluster.Check{check}})
	return err
}

// deregister removes a node. The leader never removes its own.
func (p *pass) deregister(name string) error {
	if name == p.opts.Self || p.view.Node(name) == nil {
		return nil
	}
	p.log.Info("deregistering a node", "node", name)
	_, err := p.cluster.Apply(p.ctx, &cluster.Deregister{Node: name})
	return err
}

// forget deals with nodes that an agent once ran on and that gossip does not know: they turn critical after UnknownGrace, and are
// removed when gossip says that it has forgotten them, or after ForgetAfter.
func (p *pass) forget() {
	known := map[string]bool{}
	for _, m := range p.members {
		known[strings.ToLower(m.Name)] = true
	}
	for _, c := range p.view.ChecksInState(state.AnyStatus) {
		node := p.view.Node(c.Node)
		if c.ID == cluster.SerfHealth && node != nil && !known[strings.ToLower(c.Node)] && c.Node != p.opts.Self {
			p.check("cannot deal with a node that gossip does not know", c.Node, p.forgetNode(node))
		}
	}
}

func (p *pass) forgetNode(node *cluster.Node) error {
	since, seen := p.unknown[node.Name]
	if !seen {
		since = time.Now()
		p.unknown[node.Name] = since
	}
	missing := time.Since(since)
	switch {
	case p.isReaped(node.Name) || missing >= p.opts.ForgetAfter:
		if node.ID != "" {
			if err := p.cluster.RemovePeer(p.ctx, node.ID); err != nil {
				return err
			}
		}
		if err := p.deregister(node.Name); err != nil {
			return err
		}
		delete(p.unknown, node.Name)
		p.forgetReaped(node.Name)
		return nil
	case missing >= p.opts.UnknownGrace:
		p.due(p.opts.ForgetAfter - missing)
		return p.recordFailed(node.Name)
	}
	p.due(p.opts.UnknownGrace - missing)
	return nil
}
