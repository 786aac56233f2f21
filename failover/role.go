package failover

import (
	"context"
	"time"

	"holdfast/cluster"
)

// Role is something on this machine that follows whether it holds a group, by this machine's config: a database that is writable on the holder alone.
// Both are called for what may be so already.
type Role interface {
	// Begin is called with the lease and before the fence opens. An error gives the group back. The word is for the timeline.
	Begin(ctx context.Context) (word string, err error)
	// End is called before the fence shuts and the lease is given back; where the lease ran out, after that.
	End(ctx context.Context) (word string, err error)
}

// endTimeout bounds the end of a role: another machine waits for it.
const endTimeout = 10 * time.Second

// beginRole begins what this machine's config has for a group, after all that the group itself says was started.
func (c *Controller) beginRole(ctx context.Context, g *carrier) error {
	r := c.opts.Roles[g.group]
	if r == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	began := time.Now()
	why, err := r.Begin(ctx)
	if err != nil {
		why = err.Error()
	}
	c.recorder.add(cluster.Transition{Kind: cluster.TransitionRun, Group: g.group, Epoch: g.epoch, Why: why, Took: time.Since(began)})
	return err
}

// endRole ends it, before anything else is stopped.
func (c *Controller) endRole(ctx context.Context, g *carrier) {
	r := c.opts.Roles[g.group]
	if r == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	began := time.Now()
	why, err := r.End(ctx)
	if err != nil {
		why = err.Error()
	}
	c.recorder.add(cluster.Transition{Kind: cluster.TransitionRun, Group: g.group, Epoch: g.epoch, Why: why, Took: time.Since(began)})
}

// bound reports whether something has to end before the lease can be given back.
func (c *Controller) bound(g *carrier) bool { return len(g.runs) > 0 || c.opts.Roles[g.group] != nil }
