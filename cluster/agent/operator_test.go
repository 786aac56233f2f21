package agent_test

import (
	"context"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
)

func servers(t *testing.T, a *agent.Agent) map[string]cluster.ServerHealth {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Limit)
	defer cancel()
	all, err := a.Servers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]cluster.ServerHealth{}
	for _, s := range all {
		out[s.Name] = s
	}
	return out
}

// TestServersAreLookedAfter asks every member, one without a vote too, how the servers are: all know the leader's word.
func TestServersAreLookedAfter(t *testing.T) {
	c := clustertest.Start(t, 3)
	client := c.Add(agent.Config{Name: "client"})
	for _, a := range c.Agents {
		c.Wait("every server is well", func() bool {
			well := 0
			for _, s := range servers(t, a) {
				if s.Healthy {
					well++
				}
			}
			return well == 3
		})
	}
	c.Wait("all is told of every server, and that one leads", func() bool {
		leaders, told := 0, 0
		for _, s := range servers(t, client) {
			if s.Leader {
				leaders++
			}
			if s.Voter && s.LastIndex > 0 && s.LastTerm > 0 && s.Status == cluster.StatusAlive && s.Version == "1.21.4" && !s.StableSince.IsZero() {
				told++
			}
		}
		return leaders == 1 && told == 3
	})
	c.Wait("the servers answer a client", func() bool {
		stats, err := client.ServerStats(t.Context())
		return err == nil && len(stats) == 3
	})
	for _, a := range c.Agents {
		c.Wait("every member has the root of the CA", func() bool {
			own, other := a.WatchView().CARoot(), client.WatchView().CARoot()
			return own != nil && other != nil && own.ID == other.ID
		})
	}
}

func TestTransferLeadership(t *testing.T) {
	c := clustertest.Start(t, 3)
	before := c.WaitLeader()
	next := c.Agents[(before+1)%3]
	through := c.Agents[(before+2)%3]
	transfer := func(id string) func() bool { // on a busy machine the leadership may have gone elsewhere by itself
		return func() bool { return through.TransferLeadership(t.Context(), cluster.WriteOptions{}, id) == nil }
	}
	c.Wait("the leadership is handed over", func() bool { return next.IsLeader() || transfer(next.ID())() && next.IsLeader() })
	c.Wait("it is handed to whoever is furthest", transfer(""))
	c.Wait("to nobody it is not handed", func() bool {
		return cluster.CodeOf(through.TransferLeadership(t.Context(), cluster.WriteOptions{}, "nobody")) == cluster.Invalid
	})
	alone := clustertest.Start(t, 1)
	if err := alone.Agents[0].TransferLeadership(t.Context(), cluster.WriteOptions{}, ""); err == nil {
		t.Error("a leader handed over to nobody")
	}
}

// TestRemovePeer removes a dead server through a follower, and one that lives, which is admitted again.
func TestRemovePeer(t *testing.T) {
	c := clustertest.Start(t, 3)
	leader := c.WaitLeader()
	dead, through := (leader+1)%3, c.Agents[(leader+2)%3]
	id := c.Agents[dead].ID()
	c.Kill(dead)
	c.Wait("the dead one is removed", func() bool { return through.RemovePeer(t.Context(), cluster.WriteOptions{}, id) == nil })
	c.Wait("two are left", func() bool { p, err := through.Peers(); return err == nil && len(p) == 2 })
	c.Again("remove one that is not there", func(ctx context.Context) error { return through.RemovePeer(ctx, cluster.WriteOptions{}, "nobody") })
	c.Open(dead)
	c.Wait("the third is back", func() bool { p, err := through.Peers(); return err == nil && len(p) == 3 })
}
