package failover

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"holdfast/cluster"
	"holdfast/failover/conntrack"
	"holdfast/failover/failovertest"
)

// connections notes what is wanted of it.
type connections struct {
	mu   sync.Mutex // guards following
	want conntrack.Want
}

func (c *connections) Set(w conntrack.Want) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want = w
}

func (c *connections) wants(run bool, serving ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.want.Run == run && slices.Equal(c.want.Serving, serving)
}

func (c *connections) Run(ctx context.Context, report func(string)) {
	report("conntrackd is not installed")
	<-ctx.Done()
}

// TestConnectionsAreKept holds that a machine tracks connections before it serves a group that wants it, and after, and not where no group does.
func TestConnectionsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c := &connections{}
		s.opts.Connections = c
		g := failovertest.GroupOf("g", "10.0.0.100/24")
		g.Effects.Conntrack = cluster.ConntrackSync
		s.Do(failovertest.Put(g))
		s.Assign("g", "n2", false)
		s.start()
		failovertest.Eventually(t, "it tracks what another machine serves", func() bool { return c.wants(true) })
		s.Assign("g", "n1", false)
		s.serves()
		failovertest.Eventually(t, "it tracks what it serves itself", func() bool { return c.wants(true, "g 2") })
		s.Assign("g", "n2", false)
		failovertest.Eventually(t, "it lets go", func() bool { return c.wants(true) })
		g.Effects.Conntrack = ""
		s.Do(failovertest.Put(g))
		failovertest.Eventually(t, "no group wants it", func() bool { return c.wants(false) })
		failovertest.Eventually(t, "the timeline tells what is in the way", func() bool {
			return slices.Contains(s.Told(cluster.TransitionRepair), "conntrackd is not installed")
		})
	})
}
