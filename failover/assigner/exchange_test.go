package assigner

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
)

// has reports whether a group is assigned to a machine in an epoch, with these addresses.
func (c *court) has(group, node string, epoch uint64, vips ...string) bool {
	a := c.Assignment(group)
	ok := a.Node == node && a.Epoch == epoch && len(a.VIPs) == len(vips)
	for i := 0; ok && i < len(vips); i++ {
		ok = a.VIPs[i] == failovertest.VIPOf(vips[i])
	}
	return ok
}

// on is a group that belongs on a machine.
func on(node, name string, vips ...string) cluster.Command {
	g := failovertest.GroupOf(name, vips...)
	g.Prefer = []string{node}
	return failovertest.Put(g)
}

// TestGroupsExchangeAddresses restores a snapshot in which three groups have one another's addresses: none may wait for the others for ever, and
// none may have its new address before the lease that served it is over.
func TestGroupsExchangeAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.opts.TTL = time.Minute // what goes on goes on because a lease was given back
		c.Do(&cluster.DeleteGroup{Name: "g"}, on("n1", "a", "10.0.0.100/24", "10.0.0.110/24"), on("n2", "b", "10.0.0.101/24"), on("n2", "c", "10.0.0.102/24"))
		e1 := c.open().send("n1")
		c.live("n1")
		e2 := c.send("n2")
		c.live("n2")
		c.holds("a", "n1")
		failovertest.Eventually(t, "everything has a holder", func() bool { return c.Assignment("b").Node != "" && c.Assignment("c").Node != "" })
		epochs := map[string]uint64{}
		holders := map[string]*envoy{}
		for _, g := range []string{"a", "b", "c"} {
			x := c.Assignment(g)
			epochs[g], holders[g] = x.Epoch, map[string]*envoy{"n1": e1, "n2": e2}[x.Node]
			holders[g].claim(g, x.Epoch)
			failovertest.Eventually(t, x.Node+" has the lease of "+g, func() bool { return holders[g].has(g, x.Epoch) })
		}
		c.Restore(saved(t, on("n1", "a", "10.0.0.101/24", "10.0.0.110/24"), on("n2", "b", "10.0.0.102/24"), on("n2", "c", "10.0.0.100/24")))
		at := func(g string) string { return holders[g].node }
		failovertest.Eventually(t, "each gives up what another is to have", func() bool {
			return c.has("a", at("a"), epochs["a"]+1, "10.0.0.110/24") && c.has("b", at("b"), epochs["b"]+1) && c.has("c", at("c"), epochs["c"]+1)
		})
		if why := c.Assignment("a").Why; !strings.HasPrefix(why, "it gives 10.0.0.100 to c, and waits for its own new addresses; ") {
			t.Errorf("the reason is %q", why)
		}
		holders["a"].change(func() { holders["a"].holder.GiveBack("a") })
		holders["b"].change(func() { holders["b"].holder.GiveBack("b") })
		c.send("n3")
		c.live("n3") // the leader has planned since
		for _, g := range []string{"a", "b", "c"} {
			if got := c.Assignment(g); got.Epoch != epochs[g]+1 {
				t.Errorf("%s has its new addresses (%+v) while the lease of c lives", g, got)
			}
		}
		holders["c"].change(func() { holders["c"].holder.GiveBack("c") })
		failovertest.Eventually(t, "each has its new addresses", func() bool {
			return c.has("a", at("a"), epochs["a"]+2, "10.0.0.101/24", "10.0.0.110/24") && c.has("b", at("b"), epochs["b"]+2, "10.0.0.102/24") &&
				c.has("c", at("c"), epochs["c"]+2, "10.0.0.100/24")
		})
	})
}
