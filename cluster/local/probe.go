package local

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/check"
)

// begin starts the checks, and from now on every one that is registered.
func (r *Registry) begin(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = ctx
	for _, c := range r.checks {
		r.startLocked(c)
	}
}

// end waits for the checks to stop. None is started any more.
func (r *Registry) end() {
	r.mu.Lock()
	r.running = nil
	r.mu.Unlock()
	r.probes.Wait()
}

// startLocked starts what runs a check, once Run has begun. A TTL check can be updated before that.
func (r *Registry) startLocked(c *runningCheck) {
	report := func(res check.Result) { r.result(c, res) }
	def := r.opts.bound(c.Definition)
	if def.TTL > 0 && c.ttl == nil {
		c.ttl = check.NewTTL(def, report)
	}
	if r.running == nil || c.Definition.Maintenance { // of which nobody finds out anything
		return
	}
	var runner check.Runner
	switch {
	case c.ttl != nil:
		runner = c.ttl
	case c.Definition.Alias != nil:
		runner = r.newAlias(&c.Check, report)
	default:
		runner = check.New(def, r.opts.Identity, r.turnLocked(time.Now()), r.log.With("check", c.ID), report)
	}
	ctx, cancel := context.WithCancel(r.running)
	c.cancel = cancel
	r.probes.Go(func() { runner.Run(ctx) })
}

// apart is how far apart the first runs of an agent's checks are: a thousand programs that begin in one instant would take the processors from
// what keeps the cluster together.
const apart = 5 * time.Millisecond

// turnLocked is how long the first run of one more check is to wait. One that comes alone does not.
func (r *Registry) turnLocked(now time.Time) time.Duration {
	if r.turn.Before(now) {
		r.turn = now
	}
	wait := r.turn.Sub(now)
	r.turn = r.turn.Add(apart)
	return wait
}

// bound is a definition that keeps no more output than the agent allows.
func (o *Options) bound(d cluster.CheckDefinition) cluster.CheckDefinition {
	if o.OutputMaxSize > 0 && (d.OutputMaxSize == 0 || d.OutputMaxSize > o.OutputMaxSize) {
		d.OutputMaxSize = o.OutputMaxSize
	}
	return d
}

func (r *Registry) stopLocked(c *runningCheck) {
	if c.cancel != nil {
		c.cancel()
		c.cancel = nil
	}
}

// result takes the result of one run.
func (r *Registry) result(c *runningCheck, res check.Result) {
	if r.opts.DiscardOutput {
		res.Output = ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key(c.ID)
	first := !c.ran
	if r.checks[k] != c || (!first && c.Status == res.Status && c.Output == res.Output) {
		return // replaced meanwhile, or nothing new
	}
	c.ran = true
	before := c.Status
	c.setLocked(res.Status, res.Output)
	switch {
	case before != res.Status:
		r.log.Info("check changed", "check", c.ID, "service", c.ServiceID, "from", string(before), "to", string(res.Status))
	case !first && !c.outputDue(r.opts.OutputInterval):
		r.todo.late[k] = true
		return
	}
	r.todo.checks[k] = key(c.ServiceID)
	r.changedLocked()
}

// adoptLocked takes the catalog's result over, where the check was registered as the agent started and has none of its own. That is decided
// once, as soon as it is known what the catalog has.
func (c *runningCheck) adoptLocked(known *cluster.Check) {
	if c.adopts && !c.ran && known != nil && known.ServiceID == c.ServiceID && known.Type == c.Type {
		c.setLocked(known.Status, known.Output)
	}
	c.adopts = false
}

// setLocked sets a result and notes since when it is critical.
func (c *runningCheck) setLocked(status cluster.Status, output string) {
	switch {
	case status != cluster.Critical:
		c.since = time.Time{}
	case c.since.IsZero():
		c.since = time.Now()
	}
	c.Status, c.Output = status, output
}

// outputDue reports whether a new output alone may be written again.
func (c *runningCheck) outputDue(every time.Duration) bool { return time.Since(c.written) >= every }

func (r *Registry) warnLocked(c *runningCheck) {
	if after := c.Definition.DeregisterCriticalServiceAfter; after > 0 && after < cluster.MinDeregisterAfter {
		r.log.Warn("deregister_critical_service_after is too short, the shortest is taken", "check", c.ID, "given", after.String(), "taken", cluster.MinDeregisterAfter.String())
	}
}

// reapCritical deregisters services whose check has been critical for longer than it allows.
func (r *Registry) reapCritical(now time.Time) {
	r.mu.Lock()
	dead := map[string]string{}
	for _, c := range r.checks {
		if c.ServiceID != "" && c.deadLocked(now) {
			dead[c.ServiceID] = c.ID
		}
	}
	r.mu.Unlock()
	for id, checkID := range dead {
		err := r.deregisterService(id, func(*Service) bool { return r.stillDead(id, checkID, now) })
		if err = gone(err); err != nil {
			r.log.Warn("cannot deregister a critical service", "service", id, "error", err)
		}
	}
}

// deadLocked reports whether a check has been critical for longer than its service outlives.
func (c *runningCheck) deadLocked(now time.Time) bool {
	after := c.Definition.DeregisterCriticalServiceAfter
	return after > 0 && !c.since.IsZero() && now.Sub(c.since) > max(after, cluster.MinDeregisterAfter)
}

// stillDead reports whether a check is dead and the service's: its result, or what is registered, may be another one by now.
func (r *Registry) stillDead(serviceID, checkID string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.checks[key(checkID)]
	if c == nil || key(c.ServiceID) != key(serviceID) || !c.deadLocked(now) {
		return false
	}
	r.log.Info("deregistering a service that has been critical for too long", "service", serviceID, "check", checkID)
	return true
}
