// Package clustertest runs clusters for tests: several agents in one process, on loopback addresses and ports of their own.
package clustertest

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
)

// Limit is how long a test waits for what must happen; it is generous, because machines can be slow.
const Limit = 30 * time.Second

// Cluster is a set of agents.
type Cluster struct {
	t      testing.TB
	Agents []*agent.Agent // nil where one was closed
	cfgs   []agent.Config
}

// Start runs n servers and waits until they have a leader and have registered one another.
func Start(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for i := range n {
		c.Add(agent.Config{Name: fmt.Sprintf("n%d", i+1), Server: true, BootstrapExpect: n})
	}
	c.WaitLeader()
	for i := range c.Agents {
		c.Wait("every server is registered", func() bool { return len(c.Agents[i].WatchView().ServiceInstances("consul")) == n })
	}
	return c
}

// Add runs one more agent, which joins the first; what the config leaves out is filled in.
func (c *Cluster) Add(cfg agent.Config) *agent.Agent {
	c.t.Helper()
	cfg.Datacenter, cfg.DataDir, cfg.Build, cfg.Version = "dc1", c.t.TempDir(), "1.21.4:test", "test"
	cfg.Bind = netip.MustParseAddr("127.0.0.1")
	cfg.Advertise, cfg.LeaseTTL, cfg.LeaseEnd = cfg.Bind, 700*time.Millisecond, 800*time.Millisecond
	for _, a := range c.Agents {
		if a != nil {
			cfg.RetryJoin = append(cfg.RetryJoin, a.Self().Addr.String())
		}
	}
	c.cfgs, c.Agents = append(c.cfgs, cfg), append(c.Agents, nil)
	return c.Open(len(c.Agents) - 1)
}

// Open runs agent i again, with its data directory.
func (c *Cluster) Open(i int) *agent.Agent {
	c.t.Helper()
	log := slog.New(slog.NewTextHandler(writer{c.t}, nil)).With("node", c.cfgs[i].Name)
	a := agent.New(c.cfgs[i], log)
	if err := a.Open(); err != nil {
		c.t.Fatalf("open %s: %v", c.cfgs[i].Name, err)
	}
	c.Agents[i] = a
	self := a.Self()
	c.cfgs[i].SerfPort, c.cfgs[i].RPCPort = int(self.Addr.Port()), int(self.RPCPort())
	c.t.Cleanup(func() { _ = a.Close() })
	return a
}

// Kill closes agent i without a goodbye.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	if err := c.Agents[i].Close(); err != nil {
		c.t.Errorf("close %s: %v", c.cfgs[i].Name, err)
	}
	c.Agents[i] = nil
}

// WaitLeader waits until all running agents name the same leader, and answers its number.
func (c *Cluster) WaitLeader() int {
	c.t.Helper()
	leader := -1
	c.Wait("one leader is known to all", func() bool {
		addr := ""
		for i, a := range c.Agents {
			if a == nil {
				continue
			}
			if a.IsLeader() {
				leader = i
			}
			if a.Leader() == "" || (addr != "" && a.Leader() != addr) {
				return false
			}
			addr = a.Leader()
		}
		return leader >= 0 && c.Agents[leader] != nil && c.Agents[leader].IsLeader()
	})
	return leader
}

// Wait polls until ok, and fails the test when it takes longer than Limit.
func (c *Cluster) Wait(what string, ok func() bool) {
	c.t.Helper()
	Wait(c.t, what, ok)
}

// Wait polls until ok, and fails the test when it takes longer than Limit.
func Wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Limit); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", Limit, what)
		}
	}
}

// Put writes a key through an agent and fails the test on an error.
func (c *Cluster) Put(a *agent.Agent, key, value string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), Limit)
	defer cancel()
	cmd := &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}}
	if _, err := a.Apply(ctx, cluster.WriteOptions{}, cmd); err != nil {
		c.t.Fatalf("put %s through %s: %v", key, a.Name(), err)
	}
}

// writer logs to the test.
type writer struct{ t testing.TB }

func (w writer) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
