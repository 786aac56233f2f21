// Package clustertest runs clusters for tests: several agents in one process, on loopback addresses and ports of their own.
package clustertest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
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
	log    *writer
}

// Start runs n servers and waits until they have a leader and have registered one another.
func Start(t testing.TB, n int) *Cluster {
	t.Helper()
	c := New(t)
	for i := range n {
		c.Add(agent.Config{Name: fmt.Sprintf("n%d", i+1), Server: true, BootstrapExpect: n})
	}
	c.WaitLeader()
	for i := range c.Agents {
		c.Wait("every server is registered", func() bool { return len(c.Agents[i].WatchView().ServiceInstances("consul")) == n })
	}
	return c
}

// New makes a cluster without agents.
func New(t testing.TB) *Cluster {
	c := &Cluster{t: t, log: &writer{t: t}}
	t.Cleanup(c.log.end)
	return c
}

// Add runs one more agent, which joins the others, or those that its config names; what the config leaves out is filled in.
func (c *Cluster) Add(cfg agent.Config) *agent.Agent {
	c.t.Helper()
	cfg.Datacenter, cfg.Build, cfg.Version = cmp.Or(cfg.Datacenter, "dc1"), "1.21.4:test", "test"
	given := len(cfg.Join.Retry) > 0
	if cfg.DataDir == "" {
		cfg.DataDir = c.t.TempDir()
	}
	cfg.Bind = netip.MustParseAddr("127.0.0.1")
	cfg.Advertise, cfg.LeaseTTL, cfg.LeaseEnd = cfg.Bind, 700*time.Millisecond, 800*time.Millisecond
	for _, a := range c.Agents {
		if a != nil && !given {
			cfg.Join.Retry = append(cfg.Join.Retry, a.Self().Addr.String())
		}
	}
	c.cfgs, c.Agents = append(c.cfgs, cfg), append(c.Agents, nil)
	return c.Open(len(c.Agents) - 1)
}

// Open runs agent i again, with its data directory.
func (c *Cluster) Open(i int) *agent.Agent {
	c.t.Helper()
	log := slog.New(slog.NewTextHandler(c.log, nil)).With("node", c.cfgs[i].Name)
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

// Give takes machine i out of c without a goodbye, and runs it in another cluster: with its name and at its addresses, but with an empty disk.
func (c *Cluster) Give(i int, to *Cluster) *agent.Agent {
	c.t.Helper()
	c.Kill(i)
	old := c.cfgs[i]
	return to.Add(agent.Config{Name: old.Name, Server: old.Server, RaftMultiplier: old.RaftMultiplier, SerfPort: old.SerfPort, RPCPort: old.RPCPort})
}

// WaitID waits until all running agents know the ID of their cluster, and that the others know it, and answers it.
func (c *Cluster) WaitID() string {
	c.t.Helper()
	id := ""
	c.Wait("the cluster ID is known to all", func() bool {
		for _, a := range c.Agents {
			if a == nil {
				continue
			}
			id = a.ClusterID()
			if id == "" || slices.ContainsFunc(a.Members(), func(m cluster.Member) bool { return m.Status == cluster.StatusAlive && m.ClusterID() != id }) {
				return false
			}
		}
		return id != ""
	})
	for _, a := range c.Agents {
		if a != nil && a.ClusterID() != id {
			c.t.Fatalf("%s belongs to the cluster %s, another member to %s", a.Name(), a.ClusterID(), id)
		}
	}
	return id
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
	c.Apply(a, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}})
}

// Apply runs a command that may be run twice through an agent, answers its result, and fails the test on an error.
func (c *Cluster) Apply(a *agent.Agent, cmd cluster.Command) (result any) {
	c.t.Helper()
	c.Again(fmt.Sprintf("%T through %s", cmd, a.Name()), func(ctx context.Context) (err error) {
		result, err = a.Apply(ctx, cluster.WriteOptions{}, cmd)
		return err
	})
	return result
}

// Again does what may be done twice, and fails the test on an error. It tries again where nobody leads and where the outcome is not known: on a busy
// machine the leadership may change at any time.
func (c *Cluster) Again(what string, do func(context.Context) error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), Limit)
	defer cancel()
	err := do(ctx)
	for ; ctx.Err() == nil; err = do(ctx) {
		if code := cluster.CodeOf(err); err == nil || code != cluster.Unknown && code != cluster.NoLeader {
			break
		}
	}
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// writer logs to the test, for as long as it lasts: the libraries have goroutines that outlive their owners for a moment.
type writer struct {
	t testing.TB

	mu   sync.Mutex // guards following
	over bool
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (w *writer) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}
