package state

import (
	"fmt"
	"net/netip"
	"strings"

	"holdfast/cluster"
)

// putGroup creates or changes a group. The same group once more changes nothing.
func (w *writer) putGroup(c *cluster.PutGroup) error {
	g := &c.Group
	if err := g.Validate(); err != nil {
		return err
	}
	if c.CAS {
		if err := w.groupIsAt(g); err != nil {
			return err
		}
	}
	if err := w.groupsMayBePut([]cluster.Group{*g}); err != nil {
		return err
	}
	w.writeGroup(*g)
	return nil
}

// putGroups creates or changes all groups, or none.
func (w *writer) putGroups(groups []cluster.Group) error {
	for i := range groups {
		if err := groups[i].Validate(); err != nil {
			return err
		}
	}
	if err := w.groupsMayBePut(groups); err != nil {
		return err
	}
	for _, g := range groups {
		w.writeGroup(g)
	}
	return nil
}

// writeGroup writes a group that may be. The same group once more changes nothing.
func (w *writer) writeGroup(g cluster.Group) {
	had := found[cluster.Group](w.txn, tableGroups, keyOf(g.Name))
	if had != nil && had.Equal(&g) {
		return
	}
	g.CreateIndex, g.ModifyIndex = w.index, w.index
	what := "created"
	if had != nil {
		g.CreateIndex = had.CreateIndex
		what = "changed"
	}
	w.unbury(tableGroups, keyOf(g.Name))
	w.put(tableGroups, &g)
	w.touch(setGroups)
	if e := found[LastEpoch](w.txn, tableEpochs, keyOf(g.Name)); had == nil && e != nil {
		w.putAssignment(cluster.Assignment{Group: g.Name, Epoch: e.Epoch + 1, Why: "the group was created again", Since: w.now})
	}
	w.record([]cluster.Transition{{
		Time: w.now, Kind: cluster.TransitionGroup, Group: g.Name, Why: "the group was " + what, Detail: describe(&g),
	}})
}

// groupIsAt refuses a group that has changed since it was read.
func (w *writer) groupIsAt(g *cluster.Group) error {
	had := found[cluster.Group](w.txn, tableGroups, keyOf(g.Name))
	switch {
	case had == nil && g.ModifyIndex != 0:
		return cluster.Errorf(cluster.Conflict, "group %q does not exist (any more), but its ModifyIndex was expected to be %d: read it again", g.Name, g.ModifyIndex)
	case had != nil && had.ModifyIndex != g.ModifyIndex:
		return cluster.Errorf(cluster.Conflict, "group %q has ModifyIndex %d, not %d: it was changed meanwhile, read it again", g.Name, had.ModifyIndex, g.ModifyIndex)
	}
	return nil
}

// groupsMayBePut refuses groups of which one would share a VIP with another: with one of these, or with one that stays as it is.
func (w *writer) groupsMayBePut(groups []cluster.Group) error {
	put := map[string]bool{}
	for i := range groups {
		name := groups[i].Name
		if put[name] {
			return cluster.Errorf(cluster.Invalid, "the group %q is given twice: give each group once", name)
		}
		put[name] = true
	}
	has := map[netip.Addr]string{} // by these groups
	for i := range groups {
		g := &groups[i]
		for _, v := range g.VIPs {
			if o, taken := has[v.Addr()]; taken && o != g.Name {
				return cluster.Errorf(cluster.Conflict, "group %q cannot have the vip %s: group %q is to have it", g.Name, v.Addr(), o)
			}
			has[v.Addr()] = g.Name
			for o := range each[cluster.Group](w.txn, tableGroups, byVIP, addrKey(v.Addr())) {
				if !put[o.Name] {
					return cluster.Errorf(cluster.Conflict, "group %q cannot have the vip %s: group %q has it already", g.Name, v.Addr(), o.Name)
				}
			}
		}
	}
	return nil
}

// describe is a group in one line of the timeline.
func describe(g *cluster.Group) string {
	var b strings.Builder
	for i, v := range g.VIPs {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "vip %s", v.Prefix)
		if v.Interface != "" {
			fmt.Fprintf(&b, " on %s", v.Interface)
		}
	}
	if g.Service != "" {
		fmt.Fprintf(&b, "; service %s", g.Service)
	}
	if len(g.Prefer) > 0 {
		fmt.Fprintf(&b, "; prefer %s", strings.Join(g.Prefer, ", "))
	}
	if g.Preempt {
		b.WriteString("; preempt")
	}
	if g.PreemptDelay > 0 {
		fmt.Fprintf(&b, " after %s", g.PreemptDelay)
	}
	if g.HoldDown != nil {
		fmt.Fprintf(&b, "; hold-down %s", *g.HoldDown)
	}
	for _, x := range []struct {
		what  string
		names []string
	}{{"apart from", g.ApartFrom}, {"together with", g.TogetherWith}} {
		if len(x.names) > 0 {
			fmt.Fprintf(&b, "; %s %s", x.what, strings.Join(x.names, ", "))
		}
	}
	describeEffects(&b, &g.Effects)
	return b.String()
}

// describeEffects counts what goes with the addresses.
func describeEffects(b *strings.Builder, e *cluster.Effects) {
	for _, x := range []struct {
		what string
		n    int
	}{{"sysctl", len(e.Sysctls)}, {"run", len(e.Runs)}, {"route", len(e.Routes)}, {"masquerade", len(e.NATs)}, {"verify", len(e.Verify)}} {
		if x.n > 0 {
			fmt.Fprintf(b, "; %d %s", x.n, x.what)
		}
	}
	if e.Conntrack != "" {
		fmt.Fprintf(b, "; conntrack %s", e.Conntrack)
	}
}

// deleteGroup deletes a group and its assignment. Its last epoch stays known.
func (w *writer) deleteGroup(c *cluster.DeleteGroup) error {
	g := found[cluster.Group](w.txn, tableGroups, keyOf(c.Name))
	if g == nil {
		return cluster.Errorf(cluster.NotFound, "there is no group %q", c.Name)
	}
	w.remove(tableGroups, g)
	w.bury(tableGroups, keyOf(g.Name))
	w.touch(setGroups)
	if a := found[cluster.Assignment](w.txn, tableAssignments, keyOf(g.Name)); a != nil {
		w.remove(tableAssignments, a)
		w.bury(tableAssignments, keyOf(g.Name))
		w.touch(setAssignments)
	}
	w.endPlannedMove(g.Name)
	w.record([]cluster.Transition{{Time: w.now, Kind: cluster.TransitionGroup, Group: g.Name, Why: "the group was deleted"}})
	return nil
}
