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
	p.seats.Lock()
	defer p.seats.Unlock()
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
		return p.recordFailed(m.Name, m.Status)
	case cluster.StatusLeft:
		return p.deregister(m.Name, m.Status)
	}
	return nil
}

// recordAlive writes the member's node and its health, where the catalog says otherwise. An agent describes its own node, and may do so between
// this leader's look at the catalog and its command: so what is there is changed only while it is as it was seen.
func (p *pass) recordAlive(m cluster.Member) error {
	cmd := registration(m, p.opts.Datacenter)
	old := p.view.Node(m.Name)
	switch {
	case p.renamed(m):
		return nil
	case old == nil:
		_, err := p.cluster.Apply(p.ctx, cmd)
		return err
	case old.ID != "" && cmd.Node.ID != "" && !strings.EqualFold(old.ID, cmd.Node.ID):
		return p.replace(old, cmd)
	case old.ID != cmd.Node.ID || old.Address != cmd.Node.Address:
		first := cluster.Operation{Node: &cluster.NodeOperation{Verb: cluster.CatalogCAS, Node: moved(old, cmd.Node)}}
		full := *cmd
		full.Node, full.SkipNodeUpdate = first.Node.Node, false
		return p.change([]cluster.Command{&full}, append([]cluster.Operation{first}, belongings(cmd)...)...)
	case current(p.view, old, cmd):
		return nil
	}
	return p.change([]cluster.Command{cmd}, append(same(old), belongings(cmd)...)...)
}

// renamed reports whether the node of a live member stands in the catalog under the name of another live one. An agent that was killed and
// started again with another name is both for some seconds, and writes its new name itself: to record the old one would be to delete the new.
func (p *pass) renamed(m cluster.Member) bool {
	n := p.view.NodeByID(m.Tags[cluster.TagID])
	return n != nil && !strings.EqualFold(n.Name, m.Name) && slices.ContainsFunc(p.members, func(o cluster.Member) bool {
		return o.Status == cluster.StatusAlive && strings.EqualFold(o.Name, n.Name) && strings.EqualFold(o.Tags[cluster.TagID], n.ID)
	})
}

// replace has a new machine take the name of a node: the pool knows one member of each name, so the one of the catalog will not come back under it.
func (p *pass) replace(old *cluster.Node, cmd *cluster.Register) error {
	p.log.Info("another machine has taken a node's name", "node", old.Name, "was", old.ID, "is", cmd.Node.ID)
	if old.Name != p.opts.Self {
		if err := p.dismiss(old.ID); err != nil {
			return err
		}
	}
	ops := []cluster.Operation{
		{Node: &cluster.NodeOperation{Verb: cluster.CatalogDeleteCAS, Node: *old}},
		{Node: &cluster.NodeOperation{Verb: cluster.CatalogSet, Node: cmd.Node}},
	}
	return p.change([]cluster.Command{&cluster.Deregister{Node: old.Name}, cmd}, append(ops, belongings(cmd)...)...)
}

// same holds to that the node is there, and is the machine that it was.
func same(n *cluster.Node) []cluster.Operation {
	return []cluster.Operation{{Node: &cluster.NodeOperation{Verb: cluster.CatalogGet, Node: cluster.Node{ID: n.ID, Name: n.Name}}}}
}

// belongings are the operations that write a service and checks on a node that is there.
func belongings(cmd *cluster.Register) (ops []cluster.Operation) {
	if s := cmd.Service; s != nil {
		ops = append(ops, cluster.Operation{Service: &cluster.ServiceOperation{Verb: cluster.CatalogSet, Service: *s}})
	}
	for _, c := range cmd.Checks {
		ops = append(ops, cluster.Operation{Check: &cluster.CheckOperation{Verb: cluster.CatalogSet, Check: *c}})
	}
	return ops
}

// change does all of these operations, or none where something is not as it was seen. older are the commands that do the same whatever is there:
// members of 0.1.0 know no transactions, and while one of them has a seat nothing else can be done.
func (p *pass) change(older []cluster.Command, ops ...cluster.Operation) error {
	res, err := p.cluster.Apply(p.ctx, &cluster.Transaction{Operations: ops})
	if cluster.CodeOf(err) == cluster.Unsupported {
		for _, cmd := range older {
			if _, err := p.cluster.Apply(p.ctx, cmd); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	if failed := res.(*cluster.TransactionResult).Errors; len(failed) > 0 { //nolint:forcetypeassert // it is the result of a transaction
		return cluster.Errorf(cluster.Conflict, "%s", failed[0].What)
	}
	return nil
}

// still reports whether gossip says of a member what it said when the pass began, StatusNone for nothing. A pass takes as long as the log does, and
// who has come back meanwhile is not to lose its services and sessions.
func (p *pass) still(name string, status cluster.MemberStatus) bool {
	now := cluster.StatusNone
	for _, m := range p.cluster.Members() {
		if strings.EqualFold(m.Name, name) {
			now = m.Status
		}
	}
	return now == status
}

// recordFailed turns a node critical. One that failed before it was ever registered is not.
func (p *pass) recordFailed(name string, status cluster.MemberStatus) error {
	node := p.view.Node(name)
	if node == nil || name == p.opts.Self {
		return nil
	}
	cmd := &cluster.Register{Node: *node, SkipNodeUpdate: true, Checks: []*cluster.Check{health(node.Name, cluster.Critical)}}
	if healthCurrent(p.view, cmd.Checks[0]) || !p.still(name, status) {
		return nil
	}
	p.log.Info("a node has failed", "node", node.Name)
	return p.change([]cluster.Command{cmd}, append(same(node), belongings(cmd)...)...)
}

// deregister removes a node. The leader never removes its own.
func (p *pass) deregister(name string, status cluster.MemberStatus) error {
	node := p.view.Node(name)
	if name == p.opts.Self || node == nil || !p.still(name, status) {
		return nil
	}
	p.log.Info("deregistering a node", "node", name)
	return p.change([]cluster.Command{&cluster.Deregister{Node: name}}, cluster.Operation{Node: &cluster.NodeOperation{Verb: cluster.CatalogDeleteCAS, Node: *node}})
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
	case !p.still(node.Name, cluster.StatusNone):
		return nil // it is back, which makes another pass due
	case p.isReaped(node.Name) || missing >= p.opts.ForgetAfter:
		if err := p.dismiss(node.ID); err != nil {
			return err
		}
		if err := p.deregister(node.Name, cluster.StatusNone); err != nil {
			return err
		}
		delete(p.unknown, node.Name)
		p.forgetReaped(node.Name)
		return nil
	case missing >= p.opts.UnknownGrace:
		p.due(p.opts.ForgetAfter - missing)
		return p.recordFailed(node.Name, cluster.StatusNone)
	}
	p.due(p.opts.UnknownGrace - missing)
	return nil
}
