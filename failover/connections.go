package failover

import (
	"context"
	"fmt"
	"slices"

	"holdfast/cluster"
	"holdfast/failover/conntrack"
)

// applyConnections says what is to be done for the connections through groups: a machine that may hold one tracks them beforehand.
func (c *Controller) applyConnections() {
	if c.opts.Connections == nil {
		return
	}
	w := conntrack.Want{Cluster: c.clusterID}
	now := c.opts.Now()
	for name, x := range c.groups {
		if x.Effects.Conntrack != cluster.ConntrackSync {
			continue
		}
		if g := c.carried[name]; g != nil && g.serving(now) {
			w.Serving = append(w.Serving, fmt.Sprintf("%s %d", name, g.epoch))
		}
		w.Run = w.Run || c.unable[name] == "" || c.carried[name] != nil
	}
	slices.Sort(w.Serving)
	c.opts.Connections.Set(w)
}

// keepConnections does so, and has the timeline say where it cannot be done.
func (c *Controller) keepConnections(ctx context.Context) {
	if c.opts.Connections == nil {
		return
	}
	c.opts.Connections.Run(ctx, func(why string) {
		c.log.Warn("established connections are not kept", "why", why)
		c.recorder.add(cluster.Transition{Kind: cluster.TransitionRepair, Why: why})
	})
}
