package leader

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// reconcile keeps the catalog and the peer set in step with the gossip pool.
func (t *Term) reconcile(ctx context.Context) {
	tick := time.NewTicker(t.opts.ReconcileInterval)
	defer tick.Stop()
	unknown := map[string]time.Time{} // node name -> since when gossip has not known it, as this leader saw
	for {
		if !t.pass(ctx, unknown) && ctx.Err() == nil {
			t.retry(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.kick:
		case <-tick.C:
		}
	}
}

// retry makes another pass due after a short time.
func (t *Term) retry(ctx context.Context) {
	timer := time.AfterFunc(time.Second, func() { t.MembersChanged("") })
	context.AfterFunc(ctx, func() { timer.Stop() })
}

// pass compares every member with the catalog once. It reports whether all went well.
func (t *Term) pass(ctx context.Context, unknown map[string]time.Time) bool {
	view := t.cluster.WatchView()
	members := t.cluster.Members()
	peers, err := t.cluster.Peers()
	if err != nil {
		t.log.Warn("cannot read the peer set", "error", err)
		return false
	}
	ok := true
	for _, m := range members {
		if err := t.settle(ctx, view, peers, m); err != nil {
			t.log.Warn("cannot reconcile a member", "member", m.Name, "status", m.Status.String(), "error", err)
			ok = false
		}
	}
	if err := t.forget(ctx, view, members, peers, unknown); err != nil {
		t.log.Warn("cannot deregister a forgotten member", "error", err)
		ok = false
	}
	return ok
}

// settle makes the catalog and the peer set agree with one member.
func (t *Term) settle(ctx context.Context, view *state.View, peers []cluster.Peer, m cluster.Member) error {
	switch m.Status {
	case cluster.StatusAlive, cluster.StatusLeaving:
		if err := t.register(ctx, view, m, cluster.Passing); err != nil {
			return err
		}
		return t.admit(ctx, peers, m)
	case cluster.StatusFailed:
		return t.register(ctx, view, m, cluster.Critical)
	case cluster.StatusLeft:
		return t.dismiss(ctx, view, peers, m.Name, m.Tags[cluster.TagID])
	}
	return nil
}

// register writes the member's node and its health, where the catalog says otherwise.
func (t *Term) register(ctx context.Context, view *state.View, m cluster.Member, status cluster.Status) error {
	cmd := registration(m, status, t.opts.Datacenter)
	old := view.Node(m.Name)
	if status == cluster.Critical && old == nil {
		return nil // it failed before it was ever registered
	}
	if current(view, old, cmd) {
		return nil
	}
	_, err := t.cluster.Apply(ctx, cmd)
	return err
}

// admit puts a live member into the peer set, or follows its change of address or role. Servers vote, other agents do not.
func (t *Term) admit(ctx context.Context, peers []cluster.Peer, m cluster.Member) error {
	want := cluster.Peer{ID: m.Tags[cluster.TagID], Addr: m.RPCAddr(), Voter: m.IsServer() && m.Tags[cluster.TagNonVoter] == ""}
	if want.ID == "" || m.Status != cluster.StatusAlive {
		return nil
	}
	for _, p := range peers {
		if p == want {
			return nil
		}
	}
	t.log.Info("admitting a member to the peer set", "member", m.Name, "address", want.Addr, "voter", want.Voter)
	return t.cluster.AddPeer(ctx, want)
}

// dismiss removes a member that left from the peer set and the catalog. The leader never dismisses itself.
func (t *Term) dismiss(ctx context.Context, view *state.View, peers []cluster.Peer, name, id string) error {
	if name == t.opts.Self {
		return nil
	}
	for _, p := range peers {
		if p.ID == id && id != "" {
			t.log.Info("removing a member from the peer set", "member", name, "address", p.Addr)
			if err := t.cluster.RemovePeer(ctx, id); err != nil {
				return err
			}
		}
	}
	if view.Node(name) == nil {
		return nil
	}
	t.log.Info("deregistering a node", "node", name)
	_, err := t.cluster.Apply(ctx, &cluster.Deregister{Node: name})
	return err
}

// forget deals with nodes that an agent once ran on and that gossip does not know: they turn critical at once, and are dismissed when
// gossip says that it has forgotten them, or after ForgetAfter.
func (t *Term) forget(ctx context.Context, view *state.View, members []cluster.Member, peers []cluster.Peer, unknown map[string]time.Time) error {
	reaped := t.takeReaped()
	known := map[string]bool{}
	for _, m := range members {
		known[m.Name] = true
		delete(unknown, m.Name)
	}
	for _, c := range view.ChecksInState("any") {
		if c.ID != cluster.SerfHealth || known[c.Node] {
			continue
		}
		if err := t.forgetNode(ctx, view, peers, c, reaped[c.Node], unknown); err != nil {
			t.MembersChanged(c.Node) // keep what was reaped for the next pass
			return err
		}
	}
	return nil
}

func (t *Term) forgetNode(ctx context.Context, view *state.View, peers []cluster.Peer, c *cluster.Check, reaped bool, unknown map[string]time.Time) error {
	node := view.Node(c.Node)
	if node == nil {
		return nil
	}
	since, seen := unknown[c.Node]
	if !seen {
		since = time.Now()
		unknown[c.Node] = since
	}
	if reaped || time.Since(since) > t.opts.ForgetAfter {
		delete(unknown, c.Node)
		return t.dismiss(ctx, view, peers, node.Name, node.ID)
	}
	if c.Status == cluster.Critical {
		return nil
	}
	gone := *c
	gone.Status, gone.Output = cluster.Critical, outputFailed
	_, err := t.cluster.Apply(ctx, &cluster.Register{Node: *node, SkipNodeUpdate: true, Checks: []*cluster.Check{&gone}})
	return err
}

func (t *Term) takeReaped() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.reaped
	t.reaped = map[string]bool{}
	return r
}
