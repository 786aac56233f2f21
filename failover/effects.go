package failover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
	"holdfast/failover/effect"
)

// applyEffects makes the machine agree with what the groups that it carries want besides their addresses. by says who may have disturbed it,
// "" for nobody that is known.
func (c *Controller) applyEffects(by string) {
	c.effectsDue = false
	c.applyConnections()
	if c.opts.Effects == nil {
		return
	}
	var want []effect.Wanted
	now := c.opts.Now()
	for name, g := range c.carried {
		if x := c.groups[name]; x != nil && !x.Effects.Empty() {
			want = append(want, effect.Wanted{Group: name, Effects: &x.Effects, Open: g.serving(now)})
		}
	}
	if len(want) == 0 && c.effectless && c.known {
		return
	}
	done, errs := c.opts.Effects.Set(want, c.known)
	c.effectless = len(want) == 0 && c.known
	for _, x := range done.Restored {
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionRepair, Why: fmt.Sprintf("%s removed or changed %s; it was put back", orSomething(by), x)})
	}
	if changed := slices.Concat(done.Added, done.Removed); len(changed) > 0 {
		c.log.Info("routes, rules and settings are as the groups want them", "added", strings.Join(done.Added, "; "), "removed", strings.Join(done.Removed, "; "))
	}
	c.tellEffectErrors(errs)
}

func orSomething(by string) string {
	if by == "" {
		return "something else"
	}
	return by
}

// tellEffectErrors says once what does not succeed.
func (c *Controller) tellEffectErrors(errs map[string]error) {
	told := map[string]string{}
	for _, g := range slices.Sorted(maps.Keys(errs)) {
		told[g] = errs[g].Error()
		if c.effectErrs[g] == told[g] {
			continue
		}
		c.log.Error("something that goes with a group does not succeed", "group", g, "error", errs[g])
		if x := c.carried[g]; x != nil && x.deadline > 0 {
			c.recorder.add(cluster.Transition{Kind: cluster.TransitionRepair, Group: g, Epoch: x.epoch, Why: "it is served, but " + told[g]})
		}
	}
	c.effectErrs = told
}

// followEffects hears of routes and rules that something else removed.
func (c *Controller) followEffects(ctx context.Context) {
	for ctx.Err() == nil && c.opts.Effects != nil {
		err := c.opts.Effects.Watch(ctx, func(by string) { c.tell(ctx, func() { c.applyEffects(by) }) })
		if ctx.Err() == nil {
			c.log.Warn("cannot watch the machine's routes and rules, will try again", "error", err)
			pause.For(ctx, time.Second)
		}
	}
}

// environ is what the programs of a group are told.
func (c *Controller) environ(g *carrier, event string) []string {
	return hookEvent{event: event, group: g.group, node: c.agent.Name(), epoch: g.epoch, addresses: g.addresses()}.environ()
}

// runsOf are the runs of a group as the state has it.
func (c *Controller) runsOf(group string) []cluster.Run {
	if x := c.groups[group]; x != nil && c.opts.Effects != nil {
		return x.Effects.Runs
	}
	return nil
}

// startRuns starts, once, what must run before the fence opens. When all is started, the group is served.
func (c *Controller) startRuns(ctx context.Context, g *carrier) {
	if g.starting != nil {
		return
	}
	own, stop := context.WithCancel(ctx)
	g.starting, g.runs = stop, c.runsOf(g.group)
	runs, env := g.runs, c.environ(g, "start")
	c.queueRuns(g.group, func() {
		err := c.start(own, g, runs, env)
		if err == nil {
			err = c.beginRole(own, g)
		}
		c.tell(ctx, func() { c.runsStarted(ctx, g, err) })
	})
}

// start starts runs in order, up to the first that fails.
func (c *Controller) start(ctx context.Context, g *carrier, runs []cluster.Run, env []string) error {
	for _, r := range runs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		began := time.Now()
		output, err := c.opts.Effects.Start(ctx, g.group, r, env)
		why := r.String() + " was started"
		if err != nil {
			err = fmt.Errorf("%s %w", r, err)
			why = err.Error()
		}
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionRun, Group: g.group, Epoch: g.epoch, Why: why, Detail: output, Took: time.Since(began)})
		if err != nil {
			return err
		}
	}
	return nil
}

// runsStarted opens the group, or gives it back if something did not start.
func (c *Controller) runsStarted(ctx context.Context, g *carrier, err error) {
	if c.carried[g.group] != g || g.releasing != "" {
		return // it has been given up meanwhile, and what was started is stopped
	}
	if err != nil {
		why := "what goes with it did not start: " + err.Error()
		c.unfitFor(g.group, why)
		c.release(ctx, g, why)
		return
	}
	g.ready = true
	if g.granted > c.opts.Now() {
		c.serve(ctx, g, g.granted)
	}
}

// changeRuns follows a change of what runs with a group that is served.
func (c *Controller) changeRuns(ctx context.Context, g *carrier) {
	want := c.runsOf(g.group)
	if g.releasing != "" || !g.ready || slices.EqualFunc(want, g.runs, cluster.Run.Equal) {
		return
	}
	var gone, fresh []cluster.Run
	for _, r := range g.runs {
		if !slices.ContainsFunc(want, r.Equal) {
			gone = append(gone, r)
		}
	}
	for _, r := range want {
		if !slices.ContainsFunc(g.runs, r.Equal) {
			fresh = append(fresh, r)
		}
	}
	g.runs = slices.Clone(want)
	stopEnv, startEnv := c.environ(g, "stop"), c.environ(g, "start")
	c.queueRuns(g.group, func() {
		c.stopRuns(ctx, g.group, g.epoch, gone, stopEnv)
		if err := c.start(ctx, g, fresh, startEnv); err != nil {
			c.tell(ctx, func() { c.runsStarted(ctx, g, err) })
		}
	})
}

// stopRuns stops runs in the reverse order. What does not stop is told, and left.
func (c *Controller) stopRuns(ctx context.Context, group string, epoch uint64, runs []cluster.Run, env []string) {
	if len(runs) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	started := c.opts.Effects.Started()[group]
	for _, r := range slices.Backward(runs) {
		if !slices.ContainsFunc(started, r.Equal) {
			continue // it has come to nothing before
		}
		began := time.Now()
		output, err := c.opts.Effects.Stop(ctx, group, r, env)
		why := r.String() + " was stopped"
		if err != nil {
			why = fmt.Sprintf("%s did not stop: %s", r, err)
		}
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionRun, Group: group, Epoch: epoch, Why: why, Detail: output, Took: time.Since(began)})
	}
}

// queueStop stops what was started for a group that is shut, and then calls after in the loop.
func (c *Controller) queueStop(ctx context.Context, g *carrier, after func()) {
	if g.starting != nil {
		g.starting()
	}
	runs, env, ended := g.runs, c.environ(g, "stop"), g.releasing != "" && g.deadline > 0
	g.runs = nil
	c.queueRuns(g.group, func() {
		if !ended {
			c.endRole(ctx, g)
		}
		c.stopRuns(ctx, g.group, g.epoch, runs, env)
		if after != nil {
			c.tell(ctx, after)
		}
	})
}

// queueRuns has the starts and stops of a group follow one another, whatever epochs they belong to.
func (c *Controller) queueRuns(group string, f func()) {
	select {
	case c.hookQueue("run of " + group) <- f:
	default:
		c.log.Error("a start or stop is skipped: too many of the group wait", "group", group)
	}
}

// adopt takes over what an earlier daemon started for a group that this machine goes on to serve.
func (c *Controller) adopt(ctx context.Context, g *carrier) {
	if c.opts.Effects != nil {
		g.runs = c.opts.Effects.Started()[g.group]
	}
	g.ready = true
	if c.opts.Roles[g.group] != nil {
		c.queueRuns(g.group, func() {
			if err := c.beginRole(ctx, g); err != nil {
				c.tell(ctx, func() { c.runsStarted(ctx, g, err) })
			}
		})
	}
}

// stopOrphans stops what an earlier daemon started for groups that this machine does not carry.
func (c *Controller) stopOrphans(ctx context.Context) {
	if c.opts.Effects == nil || c.adopted {
		return
	}
	c.adopted = true
	for group, runs := range c.opts.Effects.Started() {
		if c.carried[group] != nil {
			continue
		}
		g := &carrier{group: group}
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionRepair, Group: group, Why: "an earlier daemon left running what goes with the group, which this machine does not hold: it is stopped"})
		env := c.environ(g, "stop")
		c.queueRuns(group, func() { c.stopRuns(ctx, group, 0, runs, env) })
	}
}

// verify asks, once the group is served, whether it is; if not the group is given back.
func (c *Controller) verify(ctx context.Context, g *carrier) {
	x := c.groups[g.group]
	if x == nil || len(x.Effects.Verify) == 0 {
		return
	}
	questions, env := x.Effects.Verify, c.environ(g, "verify")
	c.background.Go(func() {
		for _, v := range questions {
			began := time.Now()
			output, err := effect.Verify(ctx, v, env)
			if errors.Is(ctx.Err(), context.Canceled) {
				return
			}
			t := cluster.Transition{Kind: cluster.TransitionVerify, Group: g.group, Epoch: g.epoch, Why: "verify " + v.String() + " succeeded", Detail: output, Took: time.Since(began)}
			if err != nil {
				t.Why = fmt.Sprintf("verify %s: %s", v, err)
			}
			c.recorder.add(t)
			if err != nil {
				c.tell(ctx, func() { c.unverified(ctx, g, t.Why) })
				return
			}
		}
	})
}

// unverified gives back a group that this machine serves in vain.
func (c *Controller) unverified(ctx context.Context, g *carrier, why string) {
	if c.carried[g.group] != g || g.releasing != "" {
		return
	}
	c.unfitFor(g.group, why)
	c.release(context.WithoutCancel(ctx), g, why)
}
