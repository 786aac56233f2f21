package local

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/check"
)

// startLocked starts what runs a check, once Run has begun. A TTL check can be updated before that.
func (r *Registry) startLocked(c *runningCheck) {
	report := func(res check.Result) { r.result(c, res) }
	var runner check.Runner
	if c.Definition.TTL > 0 {
		if c.ttl == nil {
			c.ttl = check.NewTTL(c.Definition, report)
		}
		runner = c.ttl
	} else {
		runner = check.New(c.Definition, r.log.With("check", c.ID), report)
	}
	if r.running == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.running)
	c.cancel = cancel
	r.probes.Go(func() { runner.Run(ctx) })
}

func (r *Registry) stopLocked(c *runningCheck) {
	if c.cancel != nil {
		c.cancel()
		c.cancel = nil
	}
}

// result takes the result of one run.
func (r *Registry) result(c *runningCheck, res check.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks[c.ID] != c || (c.Status == res.Status && c.Output == res.Output) {
		return // replaced meanwhile, or nothing new
	}
	if c.Status != res.Status {
		r.log.Info("check changed", "check", c.ID, "service", c.ServiceID, "from", string(c.Status), "to", string(res.Status))
		c.since = time.Time{}
		if res.Status == cluster.Critical {
			c.since = time.Now()
		}
	}
	c.Status, c.Output = res.Status, res.Output
	r.changed()
}

// reapCritical deregisters services whose check has been critical for longer than it allows.
func (r *Registry) reapCritical(now time.Time) {
	var dead []string
	r.mu.Lock()
	for _, c := range r.checks {
		after := c.Definition.DeregisterCriticalServiceAfter
		if after > 0 && c.ServiceID != "" && !c.since.IsZero() && now.Sub(c.since) > after {
			dead = append(dead, c.ServiceID)
		}
	}
	r.mu.Unlock()
	for _, id := range dead {
		r.log.Info("deregistering a service that has been critical for too long", "service", id)
		if err := r.DeregisterService(id); err != nil && cluster.CodeOf(err) != cluster.NotFound {
			r.log.Warn("cannot deregister a critical service", "service", id, "error", err)
		}
	}
}
