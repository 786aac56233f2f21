package assigner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/plan"
	"holdfast/failover/program"
)

// steerLoop runs Plan whenever what it reads may have changed, and commits the difference.
func (a *Assigner) steerLoop(ctx context.Context) {
	var again retry
	for ctx.Err() == nil {
		v := a.agent.WatchView()
		a.giveUp(ctx, v)
		cmd, next := a.steer(v)
		a.await(ctx)
		if cmd != nil {
			next = min(next, a.commit(ctx, cmd, &again))
		}
		a.waitSteer(ctx, v, next)
	}
}

// commit writes what was decided, and says when it is to be decided anew where that fails.
func (a *Assigner) commit(ctx context.Context, cmd *cluster.Steer, again *retry) time.Duration {
	_, err := a.agent.Apply(ctx, cluster.WriteOptions{}, cmd)
	if err == nil {
		*again = retry{}
		for _, t := range cmd.Transitions {
			a.log.Info("transition", "kind", string(t.Kind), "group", t.Group, "holder", t.Node, "epoch", t.Epoch, "why", t.Why)
		}
		a.opts.Committed(cmd)
		return time.Minute
	}
	pause, tell := again.next()
	if tell && ctx.Err() == nil {
		a.log.Warn("cannot commit assignments, will plan again", "times", again.failed, "error", err)
	}
	return pause
}

// waitSteer returns when the view has changed, a channel has, or after next.
func (a *Assigner) waitSteer(ctx context.Context, v *state.View, next time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, next)
	defer cancel()
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		_ = v.Wait(ctx) // changed or over: the loop plans again either way
	}()
	select {
	case <-a.wake:
	case <-changed:
	}
	cancel()
	<-changed
}

// mostSteered is how many assignments are committed at once: an entry of the log has a limit, and a machine may carry many groups, whose reasons come
// with the output of a check. The others follow at once.
const mostSteered = 64

// steer is what to commit now, nil for nothing, and how long it is at most until the next look.
func (a *Assigner) steer(v *state.View) (*cluster.Steer, time.Duration) {
	now := time.Now()
	news, next := a.news(v, now)
	cmd := &cluster.Steer{}
	for _, p := range news {
		cmd.Presences = append(cmd.Presences, *p)
		cmd.Transitions = append(cmd.Transitions, presenceTransitions(v.Presence(p.Node), p)...)
	}
	taken := takenVIPs(v)
	for _, d := range plan.Plan(v, plan.Question{Now: now, News: news}) {
		g := v.Group(d.Group)
		old := v.Assignment(d.Group)
		moved, wait := a.carryOut(&d, old, g, now)
		next = min(next, wait)
		if !d.Again.IsZero() {
			next = min(next, max(time.Millisecond, d.Again.Sub(now)))
		}
		if w := plan.Awaits(old, &d); w != nil {
			a.awaited = append(a.awaited, w)
		}
		if moved == nil && plan.Settled(old, &d, g) {
			continue
		}
		x := moved
		if x == nil {
			if x, wait = a.hold(v, old, &d, g, taken, now); x == nil {
				next = min(next, wait)
				continue
			}
		}
		cmd.Assignments = append(cmd.Assignments, *x)
		cmd.Transitions = append(cmd.Transitions, cluster.Transition{
			Time: now, Kind: cluster.TransitionAssign, Group: x.Group, Node: x.Node, Epoch: x.Epoch, Why: x.Why, Detail: checkDetail(v, old),
		})
		if len(cmd.Assignments) == mostSteered {
			next = time.Millisecond
			break
		}
	}
	if len(cmd.Presences)+len(cmd.Assignments) == 0 {
		return nil, next
	}
	return cmd, next
}

// await notes which groups wait for a better machine. Where that fails the wait begins later.
func (a *Assigner) await(ctx context.Context) {
	for _, w := range a.awaited {
		if _, err := a.agent.Apply(ctx, cluster.WriteOptions{}, w); err != nil && ctx.Err() == nil {
			a.log.Warn("cannot note that a group waits for a better machine, will try again", "group", w.Group, "error", err)
		}
	}
	a.awaited = nil
}

// takenVIPs maps each address that an epoch serves to its group.
func takenVIPs(v *state.View) map[string]string {
	out := map[string]string{}
	for _, a := range v.Assignments() {
		for _, x := range a.VIPs {
			if a.Node != "" {
				out[x.Addr().String()] = a.Group
			}
		}
	}
	return out
}

// hold is the next assignment of a group, or how long one that brings new addresses must wait: an address that another group served must be free
// first, both in the assignments and of every lease that was granted for an epoch that is over. Meanwhile the group gives up those of its own that
// other groups are to have: of two that exchange addresses, each would wait for the other.
func (a *Assigner) hold(v *state.View, old *cluster.Assignment, d *cluster.Decision, g *cluster.Group, taken map[string]string, now time.Time) (*cluster.Assignment, time.Duration) {
	next := plan.Assign(old, d, g, now)
	if d.Node == "" {
		return next, 0
	}
	fresh := false
	for _, x := range g.VIPs {
		if by := taken[x.Addr().String()]; by != "" && by != d.Group {
			return plan.GiveWay(v, old, d, next), a.opts.TTL / 4 // that group's next epoch is in this very plan, or its deletion on the way
		}
		fresh = fresh || old == nil || !slices.Contains(old.VIPs, x)
	}
	if !fresh {
		return next, 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	epochs := map[string]uint64{}
	for _, x := range v.Assignments() {
		epochs[x.Group] = x.Epoch
	}
	if wait := a.granter.Draining(a.opts.Now(), func(group string) uint64 { return epochs[group] }); wait > 0 {
		return nil, wait
	}
	return next, 0
}

// news are the presences that differ from the state's, and the time until one may differ for no other reason than time.
func (a *Assigner) news(v *state.View, now time.Time) ([]*cluster.Presence, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := time.Minute
	for _, p := range v.Presences() {
		if a.machines[p.Node] == nil {
			a.machines[p.Node] = &machine{node: p.Node}
		}
	}
	if wait := a.stall(now); wait > 0 {
		return nil, wait
	}
	var out []*cluster.Presence
	for _, c := range a.machines {
		old := v.Presence(c.node)
		if wait := a.grace(v, c, now); wait > 0 {
			next = min(next, wait)
			continue
		}
		if !c.last.IsZero() {
			if left := c.last.Add(a.opts.TTL).Sub(now); left > 0 {
				next = min(next, left+time.Millisecond)
			}
		}
		if p := c.presence(old, now, a.opts.TTL); p != nil {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(x, y *cluster.Presence) int { return strings.Compare(x.Node, y.Node) })
	return out, next
}

// stall tells silence from deafness. When the leader has not heard its own machine for a whole TTL, it was its own process that stood
// still: then everyone is given a while to be heard again before anyone is declared lost. It answers how much is left of that.
func (a *Assigner) stall(now time.Time) time.Duration {
	own := a.machines[a.agent.Name()]
	deaf := own != nil && !own.last.IsZero() && now.Sub(own.last) > a.opts.TTL
	if deaf && a.stalled.IsZero() {
		a.stalled = now
	}
	if a.stalled.IsZero() {
		return 0
	}
	left := a.stalled.Add(a.opts.TTL / 3).Sub(now)
	if left <= 0 && !deaf {
		a.stalled = time.Time{}
	}
	return max(0, left)
}

// grace gives machines that have not yet opened a channel to this new leader the time to do so, and to be heard once it listens, and says how
// much is left of it.
func (a *Assigner) grace(v *state.View, c *machine, now time.Time) time.Duration {
	if !c.last.IsZero() {
		return 0
	}
	if v.Node(c.node) == nil {
		return time.Minute // it is no member any more
	}
	heard := later(a.began.Add(a.opts.TTL/6), a.listens.Add(a.opts.TTL/12))
	return max(a.granter.NotBefore().Sub(a.opts.Now()), heard.Sub(now))
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// checkDetail is the output of what made the holder ineligible, for the timeline.
func checkDetail(v *state.View, old *cluster.Assignment) string {
	if old == nil || old.Node == "" {
		return ""
	}
	for _, c := range v.NodeChecks(old.Node) {
		if c.Status == cluster.Critical {
			return fmt.Sprintf("check %q on %s: %s", c.Name, old.Node, c.Output[max(0, len(c.Output)-program.MaxOutput):])
		}
	}
	return ""
}
