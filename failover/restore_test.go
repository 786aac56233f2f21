package failover

import (
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// saved is a state as a snapshot keeps it.
func saved(t *testing.T, cmds ...cluster.Command) *state.Store {
	t.Helper()
	c := newCell(t, "n1")
	c.do(cmds...)
	return c.store
}

// restore lets a snapshot supersede the state, as an operator's restore does.
func (c *cell) restore(from *state.Store) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	sn, r := from.Snapshot(), c.store.Restore()
	if err := sn.Records(r.Add); err != nil { // from is not used any more
		c.t.Fatal(err)
	}
	c.index++
	if err := r.Supersede(c.index, sn.StateIndex(), time.Unix(1, 0)); err != nil {
		c.t.Fatal(err)
	}
}

// TestRestoreLeavesTheHolderAlone restores a snapshot of a time when another machine held the group and the holder of now was ill.
func TestRestoreLeavesTheHolderAlone(t *testing.T) {
	c := newCourt(t).open()
	e := c.send("n1").keep()
	c.holds("g", "n1")
	e.claim("g", 1)
	eventually(t, "n1 has the lease", func() bool { return e.has("g", 1) })
	c.restore(saved(t,
		nodeCheck("n1", cluster.SerfHealth, "Serf Health Status", cluster.Critical, ""),
		nodeCheck("n2", cluster.SerfHealth, "Serf Health Status", cluster.Passing, ""),
		put(groupOf("g", "10.0.0.100/24")),
		&cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 1}}},
	))
	e.mu.Lock()
	e.grants = nil
	e.mu.Unlock()
	c.do(put(groupOf("later", "10.0.0.111/24")))
	c.holds("later", "n1") // the leader has planned since
	eventually(t, "n1's lease is renewed", func() bool { return e.has("g", 1) })
	if a := c.assignment("g"); a.Node != "n1" || a.Epoch != 1 {
		t.Errorf("the restore moved the group: %+v", a)
	}
}

// TestRestoreFreesAnAddressWithItsLease restores a snapshot in which another group has the address of a lease that lives.
func TestRestoreFreesAnAddressWithItsLease(t *testing.T) {
	c := newCourt(t).open()
	e := c.send("n1").keep()
	c.holds("g", "n1")
	c.send("n2").keep()
	c.live("n2")
	e.claim("g", 1)
	eventually(t, "n1 has the lease", func() bool { return e.has("g", 1) })
	e.change(func() { e.holder.Drop("g") }) // it falls silent about g, and its lease runs on
	last := time.Now()
	h := groupOf("h", "10.0.0.100/24")
	h.Prefer = []string{"n2"}
	c.restore(saved(t, put(h)))
	c.holds("h", "n2")
	if took := time.Since(last); took < c.opts.TTL/2 {
		t.Errorf("the address was assigned after %s, while a lease on it could live", took)
	}
	c.do(&cluster.DeleteGroup{Name: "h"}, put(groupOf("g", "10.0.0.100/24")))
	eventually(t, "the group that came back has a holder in a new epoch", func() bool { a := c.assignment("g"); return a.Node != "" && a.Epoch > 2 })
	if e.claim("g", 1); e.has("g", 2) {
		t.Error("an epoch was granted twice")
	}
}
