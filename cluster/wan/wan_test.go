package wan_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/join"
	"holdfast/cluster/wan"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// settings are those of a server that joins the pool at addrs.
func settings(addrs ...string) *wan.Settings {
	return &wan.Settings{Bind: netip.AddrPortFrom(loopback, 0), Advertise: loopback, Join: join.Config{Retry: addrs}}
}

// datacenter runs a datacenter of servers that are called by names and in the pool between datacenters. The first joins it at addrs.
func datacenter(t *testing.T, name string, names []string, addrs ...string) *clustertest.Cluster {
	t.Helper()
	c := clustertest.New(t)
	for i, n := range names {
		s := settings()
		if i == 0 {
			s = settings(addrs...)
		}
		c.Add(agent.Config{Name: n, Datacenter: name, Server: true, BootstrapExpect: len(names), WAN: s})
	}
	c.WaitLeader()
	c.WaitID()
	return c
}

// living is the names of the members that are alive.
func living(members []cluster.Member) []string {
	var names []string
	for _, m := range members {
		if m.Status == cluster.StatusAlive {
			names = append(names, m.Name)
		}
	}
	return names
}

// TestOneJoinIsEnough holds that all servers of both datacenters are in the pool once one has met one, under names of their own, that
// each datacenter stays what it was, and that a server that leaves is seen to.
func TestOneJoinIsEnough(t *testing.T) {
	one := datacenter(t, "dc1", []string{"n1", "n2"})
	two := datacenter(t, "dc2", []string{"n1"}, one.Agents[1].WAN().Self().Addr.String())
	all := slices.Concat(one.Agents, two.Agents)
	want := []string{"n1.dc1", "n1.dc2", "n2.dc1"}
	for _, a := range all {
		clustertest.Wait(t, "all servers are in the pool", func() bool { return slices.Equal(living(a.WAN().Members()), want) })
		if got := a.WAN().Datacenters(); len(got) != 2 || got[0] != a.WAN().Self().Tags[cluster.TagDatacenter] {
			t.Errorf("%s knows the datacenters %v", a.WAN().Self().Name, got)
		}
	}
	if got := living(one.Agents[0].Members()); !slices.Equal(got, []string{"n1", "n2"}) {
		t.Errorf("the pool of dc1 has %v", got)
	}
	if one.Agents[0].ClusterID() == two.Agents[0].ClusterID() {
		t.Error("two datacenters have become one cluster")
	}
	ways := one.Agents[0].Gateways("dc2")
	if len(ways) != 1 || ways[0] != two.Agents[0].Self().RPCAddr() {
		t.Errorf("requests for dc2 go to %v", ways)
	}
	if ways := one.Agents[0].Gateways("dc3"); len(ways) != 0 {
		t.Errorf("requests for a datacenter that nobody knows go to %v", ways)
	}
	if err := two.Agents[0].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	clustertest.Wait(t, "dc2 has left", func() bool { return len(one.Agents[0].WAN().Datacenters()) == 1 })
}

// TestPoolsStayApart holds that neither kind of pool takes in a member of the other, whoever is told to join whom.
func TestPoolsStayApart(t *testing.T) {
	one := datacenter(t, "dc1", []string{"a1"})
	two := datacenter(t, "dc2", []string{"b1"})
	a, b := one.Agents[0], two.Agents[0]
	fresh := clustertest.New(t).Add(agent.Config{Name: "c1", Server: true}) // belongs nowhere, and lets itself be found
	for name, try := range map[string]func(context.Context) (int, error){
		"the pool of a datacenter joins that between datacenters": func(ctx context.Context) (int, error) { return a.Join(ctx, []string{b.WAN().Self().Addr.String()}) },
		"that between datacenters joins that of another":          func(ctx context.Context) (int, error) { return a.WAN().Join(ctx, []string{b.Self().Addr.String()}) },
		"that between datacenters joins that of its own":          func(ctx context.Context) (int, error) { return a.WAN().Join(ctx, []string{a.Self().Addr.String()}) },
		"that between datacenters joins a member without a cluster": func(ctx context.Context) (int, error) {
			return a.WAN().Join(ctx, []string{fresh.Self().Addr.String()})
		},
		"a member without a cluster joins that between datacenters": func(ctx context.Context) (int, error) {
			return fresh.Join(ctx, []string{a.WAN().Self().Addr.String()})
		},
		"the pools of two datacenters": func(ctx context.Context) (int, error) { return a.Join(ctx, []string{b.Self().Addr.String()}) },
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := try(t.Context()); n != 0 || err == nil {
				t.Errorf("%d members were joined, %v", n, err)
			}
			for _, pool := range [][]cluster.Member{a.Members(), a.WAN().Members(), b.Members(), b.WAN().Members(), fresh.Members()} {
				if len(pool) != 1 {
					t.Errorf("a pool has the members %v", living(pool))
				}
			}
		})
	}
}

// TestOneNameOneCluster holds that a second cluster with the name of a datacenter is kept out, with a sentence that says so.
func TestOneNameOneCluster(t *testing.T) {
	one := datacenter(t, "dc1", []string{"a1"})
	two := datacenter(t, "dc2", []string{"b1"}, one.Agents[0].WAN().Self().Addr.String())
	clustertest.Wait(t, "both are in the pool, and known to be of a cluster", func() bool {
		known := 0
		for _, m := range one.Agents[0].WAN().Members() {
			if m.Status == cluster.StatusAlive && m.ClusterID() != "" {
				known++
			}
		}
		return known == 2
	})
	for _, name := range []string{"dc1", "dc2"} {
		other := datacenter(t, name, []string{"x1"})
		n, err := other.Agents[0].WAN().Join(t.Context(), []string{one.Agents[0].WAN().Self().Addr.String()})
		if n != 0 || err == nil || !strings.Contains(err.Error(), "another name") && !strings.Contains(err.Error(), "hung up") {
			t.Errorf("a second %s: %d, %v", name, n, err)
		}
		if got := living(one.Agents[0].WAN().Members()); !slices.Equal(got, []string{"a1.dc1", "b1.dc2"}) {
			t.Errorf("with a second %s the pool has %v", name, got)
		}
	}
	_ = two
}
