package local

import (
	"context"
	"maps"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// reapInterval is how often services that have been critical for too long are looked for. It is Consul's.
const reapInterval = 30 * time.Second

// retryInterval is the pause after a write that failed.
const retryInterval = time.Second

// Run runs the checks and keeps the catalog in step until ctx ends; then it waits for the checks to stop.
func (r *Registry) Run(ctx context.Context) {
	r.mu.Lock()
	r.running = ctx
	for _, id := range slices.Sorted(maps.Keys(r.checks)) {
		r.startLocked(r.checks[id])
	}
	r.mu.Unlock()
	defer r.probes.Wait()
	tick := time.NewTicker(reapInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		view := r.catalog.WatchView()
		pause := r.opts.OutputInterval
		if err := r.push(ctx, r.compare(view, time.Now())); err != nil && ctx.Err() == nil {
			r.log.Warn("cannot write this node's services to the catalog, will try again", "error", err)
			pause = retryInterval
		}
		r.wait(ctx, view, pause, tick.C)
	}
}

// wait returns when the catalog or the registrations have changed, or after pause.
func (r *Registry) wait(ctx context.Context, view *state.View, pause time.Duration, reap <-chan time.Time) {
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		_ = view.Wait(ctx) // whether it changed or the wait is over, the loop compares again
	}()
	select {
	case <-r.kick:
	case <-changed:
	case now := <-reap:
		r.reapCritical(now)
	}
	cancel()
	<-changed
}

// push writes the commands one after another.
func (r *Registry) push(ctx context.Context, cmds []cluster.Command) error {
	for _, cmd := range cmds {
		if _, err := r.catalog.Apply(ctx, cluster.WriteOptions{}, cmd); err != nil {
			return err
		}
	}
	return nil
}

// compare lists the commands that make the catalog's record of this node equal to what is registered here: one for each service
// with its checks, one for the node's own checks, one for each thing that should not be there.
func (r *Registry) compare(view *state.View, now time.Time) []cluster.Command {
	node := r.opts.Node
	known := view.Node(node.Name)
	nodeDiffers := known == nil || known.ID != node.ID || known.Address != node.Address ||
		!maps.Equal(known.Meta, node.Meta) || !maps.Equal(known.TaggedAddresses, node.TaggedAddresses)
	haveServices := map[string]*cluster.Service{}
	for _, s := range view.NodeServices(node.Name) {
		haveServices[s.ID] = s
	}
	haveChecks := map[string]*cluster.Check{}
	for _, c := range view.NodeChecks(node.Name) {
		haveChecks[c.ID] = c
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	var cmds []cluster.Command
	for _, id := range slices.Sorted(maps.Keys(r.services)) {
		s := r.services[id]
		cmd := r.registerLocked(id, haveChecks)
		if have := haveServices[id]; have == nil || !sameService(&s.Service, have) {
			cmd.Service = r.wantedService(s, have)
		}
		if cmd.Service != nil || len(cmd.Checks) > 0 {
			cmds = append(cmds, cmd)
		}
	}
	if cmd := r.registerLocked("", haveChecks); nodeDiffers || len(cmd.Checks) > 0 {
		cmd.SkipNodeUpdate = false
		cmds = slices.Insert(cmds, 0, cluster.Command(cmd))
	}
	return append(cmds, r.surplusLocked(haveServices, haveChecks)...)
}

// registerLocked is a command with the checks of one service ("" for the node's own) that the catalog has otherwise.
func (r *Registry) registerLocked(serviceID string, have map[string]*cluster.Check) *cluster.Register {
	cmd := &cluster.Register{Node: r.opts.Node, SkipNodeUpdate: true}
	for _, id := range r.checksOfLocked(serviceID) {
		c := r.checks[id]
		if h := have[id]; h != nil && sameCheck(&c.Check.Check, h) && (h.Output == c.Output || !c.outputDue(r.opts.OutputInterval)) {
			continue
		}
		c.written = time.Now()
		wanted := c.Check.Check
		cmd.Checks = append(cmd.Checks, &wanted)
	}
	return cmd
}

// surplusLocked lists what the catalog has of this node and this registry has not.
func (r *Registry) surplusLocked(services map[string]*cluster.Service, checks map[string]*cluster.Check) []cluster.Command {
	var cmds []cluster.Command
	for _, id := range slices.Sorted(maps.Keys(services)) {
		if r.services[id] == nil && !foreign(id) {
			cmds = append(cmds, &cluster.Deregister{Node: r.opts.Node.Name, ServiceID: id})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(checks)) {
		orphan := services[checks[id].ServiceID] != nil && r.services[checks[id].ServiceID] == nil
		if r.checks[id] == nil && !foreign(id) && !orphan {
			cmds = append(cmds, &cluster.Deregister{Node: r.opts.Node.Name, CheckID: id})
		}
	}
	return cmds
}

// sameService leaves the tags to the catalog where the service allows that (EnableTagOverride).
func sameService(want, have *cluster.Service) bool {
	w := *want
	if w.EnableTagOverride {
		w.Tags = have.Tags
	}
	return w.Equal(have)
}

func (r *Registry) wantedService(s *Service, have *cluster.Service) *cluster.Service {
	w := s.Service
	if w.EnableTagOverride && have != nil {
		w.Tags = have.Tags
	}
	return &w
}

// sameCheck compares all but the output, and what the catalog fills in itself.
func sameCheck(want, have *cluster.Check) bool {
	w := *want
	w.Output, w.ServiceName, w.ServiceTags = have.Output, have.ServiceName, have.ServiceTags
	return w.Equal(have)
}

// outputDue reports whether a new output alone may be written again.
func (c *runningCheck) outputDue(every time.Duration) bool { return time.Since(c.written) >= every }
