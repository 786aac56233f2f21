package assigner

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/failovertest"
)

// saved is a state as a snapshot keeps it.
func saved(t *testing.T, cmds ...cluster.Command) *state.Store {
	t.Helper()
	c := failovertest.NewCell(t, "n1")
	c.Do(cmds...)
	return c.Store
}

// TestRestoreLeavesTheHolderAlone restores a snapshot of a time when another machine held the group and the holder of now was ill.
func TestRestoreLeavesTheHolderAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		e := c.send("n1").keep()
		c.holds("g", "n1")
		e.claim("g", 1)
		failovertest.Eventually(t, "n1 has the lease", func() bool { return e.has("g", 1) })
		c.Restore(saved(t,
			failovertest.NodeCheck("n1", cluster.SerfHealth, "Serf Health Status", cluster.Critical, ""),
			failovertest.NodeCheck("n2", cluster.SerfHealth, "Serf Health Status", cluster.Passing, ""),
			failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")),
			&cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 1}}},
		))
		e.mu.Lock()
		e.grants = nil
		e.mu.Unlock()
		c.Do(failovertest.Put(failovertest.GroupOf("later", "10.0.0.111/24")))
		c.holds("later", "n1") // the leader has planned since
		failovertest.Eventually(t, "n1's lease is renewed", func() bool { return e.has("g", 1) })
		if a := c.Assignment("g"); a.Node != "n1" || a.Epoch != 1 {
			t.Errorf("the restore moved the group: %+v", a)
		}
	})
}

// TestRestoreFreesAnAddressWithItsLease restores a snapshot in which another group has the address of a lease that lives.
func TestRestoreFreesAnAddressWithItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		e, last := c.silent()
		h := failovertest.GroupOf("h", "10.0.0.100/24")
		h.Prefer = []string{"n2"}
		c.Restore(saved(t, failovertest.Put(h)))
		c.holds("h", "n2")
		if took := time.Since(last); took < c.opts.TTL/2 {
			t.Errorf("the address was assigned after %s, while a lease on it could live", took)
		}
		c.Do(&cluster.DeleteGroup{Name: "h"}, failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))
		failovertest.Eventually(t, "the group that came back has a holder in a new epoch", func() bool { a := c.Assignment("g"); return a.Node != "" && a.Epoch > 2 })
		if e.claim("g", 1); e.has("g", 2) {
			t.Error("an epoch was granted twice")
		}
	})
}
