package leader

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

// found gives a cluster what each one has from its beginning: a certificate authority, and the configuration of autopilot, once all members
// understand that.
func (t *Term) found(ctx context.Context) {
	t.insist(ctx, "cannot store the root of the CA", func() cluster.Command {
		if root := t.cluster.WatchView().CARoot(); root != nil {
			return &cluster.SetCARoot{Root: *root} // for members of older versions, which skipped it
		}
		root, err := newRoot(t.clusterID(ctx), time.Now())
		if err != nil {
			t.log.Error("cannot make the root of the CA", "error", err)
			return nil
		}
		return &cluster.SetCARoot{Root: root}
	})
	t.insist(ctx, "cannot store the configuration of autopilot", func() cluster.Command {
		if t.cluster.WatchView().Autopilot().ModifyIndex > 0 {
			return nil
		}
		return &cluster.PutAutopilot{Config: t.opts.Autopilot, CAS: true}
	})
}

// insist applies what next makes until that went well or there is nothing to apply.
func (t *Term) insist(ctx context.Context, what string, next func() cluster.Command) {
	for ctx.Err() == nil {
		cmd := next()
		if cmd == nil {
			return
		}
		_, err := t.cluster.Apply(ctx, cmd)
		if err == nil {
			return
		}
		wait := retryInterval
		if cluster.CodeOf(err) == cluster.Unsupported { // a member is yet to be upgraded
			wait = t.opts.ReconcileInterval
		}
		if ctx.Err() == nil {
			t.log.Warn(what, "error", err) //nolint:sloglint // each text is a constant above
		}
		pause.For(ctx, wait)
	}
}

// nameWait is how long the root of the CA waits for the cluster's ID, which it is named after: programs that start a cluster for their tests
// wait for the root.
const nameWait = 300 * time.Millisecond

// clusterID is what the root is named after: the configured ID, else the cluster's, "" where it has none soon.
func (t *Term) clusterID(ctx context.Context) string {
	if t.opts.CAClusterID != "" {
		return t.opts.CAClusterID
	}
	ctx, cancel := context.WithTimeout(ctx, nameWait)
	defer cancel()
	for {
		view := t.cluster.WatchView()
		if id := view.ClusterID(); id != "" || view.Wait(ctx) != nil {
			return id
		}
	}
}
