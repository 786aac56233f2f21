package state

import "holdfast/cluster"

// The keys of the one Autopilot and the one CARoot.
var (
	autopilotKey = keyOf("autopilot")
	caRootKey    = keyOf("root")
)

// putAutopilot stores the configuration of autopilot. The same once more changes nothing. Its result is whether the precondition held.
func (w *writer) putAutopilot(c *cluster.PutAutopilot) (bool, error) {
	a := c.Config
	if err := a.Validate(); err != nil {
		return false, err
	}
	had := found[cluster.Autopilot](w.txn, tableAutopilot, autopilotKey)
	a.CreateIndex, a.ModifyIndex = w.index, w.index
	current := uint64(0)
	if had != nil {
		current, a.CreateIndex = had.ModifyIndex, had.CreateIndex
	}
	switch {
	case c.CAS && current != c.Config.ModifyIndex:
		return false, nil
	case had != nil && sameAutopilot(had, &a):
		return true, nil
	}
	w.put(tableAutopilot, &a)
	return true, nil
}

func sameAutopilot(a, b *cluster.Autopilot) bool {
	x, y := *a, *b
	x.CreateIndex, x.ModifyIndex, y.CreateIndex, y.ModifyIndex = 0, 0, 0, 0
	return x == y
}

// setCARoot sets the root of the cluster's CA, unless there is one.
func (w *writer) setCARoot(c *cluster.SetCARoot) error {
	r := c.Root
	if err := r.Validate(); err != nil {
		return err
	}
	if found[cluster.CARoot](w.txn, tableCARoots, caRootKey) == nil {
		r.CreateIndex, r.ModifyIndex = w.index, w.index
		w.put(tableCARoots, &r)
	}
	return nil
}

// Autopilot is how the leader looks after the servers. Where it was never configured it is the default, with ModifyIndex 0.
func (v *View) Autopilot() cluster.Autopilot {
	if a, ok := v.r.ask(tableAutopilot, autopilotKey).(*cluster.Autopilot); ok {
		return *a
	}
	return cluster.DefaultAutopilot()
}

// CARoot is the root of the cluster's CA, nil while it has none.
func (v *View) CARoot() *cluster.CARoot {
	r, _ := v.r.ask(tableCARoots, caRootKey).(*cluster.CARoot)
	return r
}
