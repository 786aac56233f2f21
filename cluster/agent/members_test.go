package agent_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	joining "holdfast/cluster/join"
)

// cpu is the processor time that this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestFiftyWithoutAVote holds that fifty agents beside three servers come to know the whole state and take no part in elections, that one
// that leaves is gone at once, and that one that dies is critical, and forgotten after reconnect_timeout.
func TestFiftyWithoutAVote(t *testing.T) {
	if testing.Short() {
		t.Skip("fifty agents are no unit test")
	}
	t.Parallel()
	const members, forget = withoutVote, 6 * time.Second
	c := clustertest.New(t)
	for i := range 3 {
		c.Add(agent.Config{Name: fmt.Sprintf("n%d", i+1), Server: true, BootstrapExpect: 3, ReconnectTimeout: forget})
	}
	c.WaitLeader()
	var join []string
	for _, a := range c.Agents {
		join = append(join, a.Self().Addr.String())
	}
	began, used := time.Now(), cpu(t)
	for i := range members {
		c.Add(agent.Config{Name: fmt.Sprintf("m%02d", i), Join: joining.Config{Retry: join, Interval: time.Second}, ReconnectTimeout: forget})
	}
	everybody := slices.Clone(c.Agents)
	within(t, 2*time.Minute, "every member is a node, and has the whole state", func() bool {
		for _, a := range everybody {
			if v := a.WatchView(); len(v.Nodes()) != members+3 || len(v.ChecksInState(cluster.Passing)) != members+3 {
				return false
			}
		}
		return true
	})
	t.Logf("%d members have joined in %s, which took %s of processor time", members, time.Since(began).Round(time.Millisecond), (cpu(t) - used).Round(time.Millisecond))
	within(t, time.Minute, "three have a vote and all others a seat", func() bool { // who is a node has its seat a moment later
		v, o := peersOf(t, c.Agents[0])
		return v == 3 && o == members
	})
	c.Put(everybody[members], "k", "v") // a member writes, and all read it
	c.Wait("all have the key", func() bool {
		return !slices.ContainsFunc(everybody, func(a *agent.Agent) bool { return a.WatchView().KVGet("k") == nil })
	})

	// One leaves, one dies, the leader dies.
	if err := c.Agents[10].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Kill(10)
	c.Kill(11)
	leader := c.WaitLeader()
	c.Kill(leader)
	alive := slices.DeleteFunc(slices.Clone(c.Agents), func(a *agent.Agent) bool { return a == nil })
	next := c.WaitLeader()
	if next > 2 {
		t.Fatalf("a member without a vote leads")
	}
	c.Open(leader)
	c.Put(alive[len(alive)-1], "k", "w")
	watcher := alive[len(alive)-1]
	c.Wait("who left is gone, and who died is critical", func() bool {
		v := watcher.WatchView()
		dead := v.NodeCheck("m08", cluster.SerfHealth)
		return v.Node("m07") == nil && (dead != nil && dead.Status == cluster.Critical || v.Node("m08") == nil)
	})
	within(t, 2*forget+time.Minute, "who died is forgotten", func() bool {
		_, others := peersOf(t, c.Agents[next])
		v := watcher.WatchView()
		return v.Node("m08") == nil && others == members-2 && len(v.Nodes()) == members+1
	})
	if v, _ := peersOf(t, c.Agents[next]); v != 3 {
		t.Errorf("%d have a vote, want 3", v)
	}
	atRest := cpu(t)
	<-time.After(2 * time.Second)
	t.Logf("at rest the %d agents take %.1f %% of a core together", members+1, 100*(cpu(t)-atRest).Seconds()/2)
}

// within waits longer than clustertest does.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", limit, what)
		}
	}
}

func peersOf(t *testing.T, a *agent.Agent) (voters, others int) {
	t.Helper()
	all, err := a.Peers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Voter {
			voters++
		} else {
			others++
		}
	}
	return voters, others
}
