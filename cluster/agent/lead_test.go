package agent_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
)

// caught keeps the contexts of leaderships.
type caught struct {
	mu  sync.Mutex // guards following
	ctx map[string]context.Context
}

func (c *caught) of(name string) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ctx[name]
}

// caughtDuty is the duty of one member.
type caughtDuty struct {
	*caught

	name string
}

func (d caughtDuty) Run(ctx context.Context) {
	d.mu.Lock()
	d.ctx[d.name] = ctx
	d.mu.Unlock()
	<-ctx.Done()
}

func (caughtDuty) Serve(context.Context, agent.Stream) error { return nil }

// TestADeposedLeaderWritesNothing holds that what a leader has decided is not committed by another, who knows of other leases: not even where the first
// stood still, and has not heard yet that it leads no longer.
func TestADeposedLeaderWritesNothing(t *testing.T) {
	contexts := &caught{ctx: map[string]context.Context{}}
	c := clustertest.New(t)
	for i := range 3 {
		name := fmt.Sprintf("n%d", i+1)
		c.Add(agent.Config{Name: name, Server: true, BootstrapExpect: 3, Duty: func(*agent.Agent, uint64) agent.Duty { return caughtDuty{contexts, name} }})
	}
	var was *agent.Agent
	var leads context.Context // as of one that does not hear that its leadership ends
	write := func(ctx context.Context, key string) error {
		_, err := was.Apply(ctx, cluster.WriteOptions{}, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key}})
		return err
	}
	c.Wait("a leader writes in its duty", func() bool {
		was = c.Agents[c.WaitLeader()]
		duty := contexts.of(was.Name())
		if duty == nil {
			return false
		}
		leads = context.WithoutCancel(duty)
		return write(leads, "leading") == nil
	})
	c.Wait("another leads", func() bool {
		_ = was.TransferLeadership(t.Context(), cluster.WriteOptions{}, "") // it is tried again
		return c.Agents[c.WaitLeader()] != was
	})
	c.Wait("it may write as everyone", func() bool { return write(t.Context(), "anyone") == nil })
	if err := write(leads, "deposed"); cluster.CodeOf(err) != cluster.NoLeader {
		t.Errorf("what it decided as the leader: %v, want %v", err, cluster.ErrNoLeader)
	}
	id := servers(t, was)[was.Name()].ID
	c.Wait("it leads again", func() bool {
		_ = was.TransferLeadership(t.Context(), cluster.WriteOptions{}, id)
		return c.Agents[c.WaitLeader()] == was
	})
	if err := write(leads, "deposed"); cluster.CodeOf(err) != cluster.NoLeader {
		t.Errorf("what it decided in an earlier term: %v, want %v", err, cluster.ErrNoLeader)
	}
	c.Put(was, "last", "v")
	if e := was.WatchView().KVGet("deposed"); e != nil {
		t.Errorf("it was committed: %+v", e)
	}
}
