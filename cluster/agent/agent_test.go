package agent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/state"
)

func get(t *testing.T, a *agent.Agent, opts cluster.QueryOptions, key string) (*cluster.KVEntry, cluster.QueryMeta) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Limit)
	defer cancel()
	var e *cluster.KVEntry
	meta, err := a.Query(ctx, opts, func(v *state.View) error { e = v.KVGet(key); return nil })
	if err != nil {
		t.Fatalf("get %s through %s: %v", key, a.Name(), err)
	}
	return e, meta
}

// TestReadYourWritesEverywhere writes through each member in turn and reads through every member at once: default and consistent reads
// must see the write wherever it went in.
func TestReadYourWritesEverywhere(t *testing.T) {
	c := clustertest.Start(t, 3)
	for i := range 30 {
		value := strconv.Itoa(i)
		c.Put(c.Agents[i%3], "key", value)
		for _, a := range c.Agents {
			for _, consistency := range []cluster.Consistency{cluster.Default, cluster.Consistent} {
				e, meta := get(t, a, cluster.QueryOptions{Consistency: consistency}, "key")
				if e == nil || string(e.Value) != value {
					t.Fatalf("%s read of %s through %s: got %v", consistency, value, a.Name(), e)
				}
				if meta.KnownLeader && meta.LastContact != 0 {
					t.Fatalf("%s read through %s says that it is %s old", consistency, a.Name(), meta.LastContact)
				}
			}
		}
	}
}

func TestBlockingReadOnEveryMember(t *testing.T) {
	c := clustertest.Start(t, 3)
	c.Put(c.Agents[0], "watched", "old")
	e, meta := get(t, c.Agents[0], cluster.QueryOptions{}, "watched")
	if meta.Index != e.ModifyIndex {
		t.Fatalf("index %d, want that of the key, %d", meta.Index, e.ModifyIndex)
	}
	var woken sync.WaitGroup
	for _, a := range c.Agents {
		woken.Go(func() {
			got, m := get(t, a, cluster.QueryOptions{MinIndex: meta.Index, MaxWait: clustertest.Limit}, "watched")
			if string(got.Value) != "new" || m.Index <= meta.Index {
				t.Errorf("%s woke with %q at %d", a.Name(), got.Value, m.Index)
			}
		})
	}
	c.Put(c.Agents[1], "another", "x")
	c.Put(c.Agents[2], "watched", "new")
	woken.Wait()
}

func TestWaitEndsWithTheOldAnswer(t *testing.T) {
	c := clustertest.Start(t, 1)
	c.Put(c.Agents[0], "k", "v")
	_, meta := get(t, c.Agents[0], cluster.QueryOptions{}, "k")
	if e, m := get(t, c.Agents[0], cluster.QueryOptions{MinIndex: meta.Index, MaxWait: 20 * time.Millisecond}, "k"); m.Index != meta.Index || string(e.Value) != "v" {
		t.Errorf("got %q at %d, want the old answer at %d", e.Value, m.Index, meta.Index)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Agents[0].Query(ctx, cluster.QueryOptions{Consistency: cluster.Stale, MinIndex: meta.Index}, func(v *state.View) error { v.KVGet("k"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that hung up got %v", err)
	}
}

// TestLeaderDies kills the leader: another takes over, nothing acknowledged is lost, the node turns critical, and it comes back with its
// data.
func TestLeaderDies(t *testing.T) {
	c := clustertest.Start(t, 3)
	for i := range 20 {
		c.Put(c.Agents[i%3], fmt.Sprintf("k/%d", i), "v")
	}
	dead := c.WaitLeader()
	name := c.Agents[dead].Name()
	c.Kill(dead)
	next := c.WaitLeader()
	c.Put(c.Agents[next], "after", "v")
	for i := range 20 {
		if e, _ := get(t, c.Agents[next], cluster.QueryOptions{}, fmt.Sprintf("k/%d", i)); e == nil {
			t.Errorf("k/%d is lost", i)
		}
	}
	health := func(want cluster.Status) func() bool {
		return func() bool {
			checks := c.Agents[next].WatchView().NodeChecks(name)
			return len(checks) == 1 && checks[0].Status == want
		}
	}
	c.Wait("the dead node is critical", health(cluster.Critical))
	c.Open(dead)
	c.Wait("the node is back", health(cluster.Passing))
	if e, _ := get(t, c.Agents[dead], cluster.QueryOptions{}, "after"); e == nil {
		t.Error("the member that came back misses what was written meanwhile")
	}
}

// TestReadsWithoutLeader: however many ask at once, each is told that there is no leader.
func TestReadsWithoutLeader(t *testing.T) {
	c := clustertest.Start(t, 2)
	i := c.WaitLeader()
	a := c.Agents[1-i]
	c.Kill(i)
	clustertest.Wait(t, "the leader is missed", func() bool { return a.Leader() == "" })
	var asked sync.WaitGroup
	for range 20 {
		asked.Go(func() {
			_, err := a.Query(t.Context(), cluster.QueryOptions{}, func(*state.View) error { return nil })
			if !errors.Is(err, cluster.ErrNoLeader) {
				t.Errorf("a read without a leader: %v", err)
			}
		})
	}
	asked.Wait()
}

func TestAllKilledComeBackAlone(t *testing.T) {
	c := clustertest.Start(t, 3)
	c.Put(c.Agents[0], "k", "v")
	_, before := get(t, c.Agents[0], cluster.QueryOptions{}, "k")
	for i := range c.Agents {
		c.Kill(i)
	}
	for i := range c.Agents {
		c.Open(i)
	}
	c.WaitLeader()
	for _, a := range c.Agents {
		if e, m := get(t, a, cluster.QueryOptions{}, "k"); e == nil || m.Index < before.Index {
			t.Errorf("%s: %v at index %d, want the key at %d", a.Name(), e, m.Index, before.Index)
		}
	}
}

// TestAloneAfterARestart: a member that was started again and hears from no leader does not pass off its last snapshot, in which what was
// written since is missing, as an answer, not even as a stale one. As soon as there is a leader it answers with all that it knew.
func TestAloneAfterARestart(t *testing.T) {
	c := clustertest.Start(t, 3)
	c.Put(c.Agents[0], "k", "v")
	c.Wait("everybody has the key", func() bool {
		return !slices.ContainsFunc(c.Agents, func(a *agent.Agent) bool { return a.WatchView().KVGet("k") == nil })
	})
	for i := range c.Agents {
		c.Kill(i)
	}
	a := c.Open(0)
	stale := cluster.QueryOptions{Consistency: cluster.Stale}
	_, err := a.Query(t.Context(), stale, func(*state.View) error { t.Error("a lone member reads from its last snapshot"); return nil })
	if !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("a stale read of a lone member: error %v, want ErrNoLeader", err)
	}
	got := make(chan *cluster.KVEntry, 1)
	go func() {
		var e *cluster.KVEntry
		for err := error(cluster.ErrNoLeader); errors.Is(err, cluster.ErrNoLeader); { // a slow machine may take longer than a read waits
			_, err = a.Query(t.Context(), stale, func(v *state.View) error { e = v.KVGet("k"); return nil })
		}
		got <- e
	}()
	c.Open(1)
	if e := <-got; e == nil || string(e.Value) != "v" {
		t.Errorf("the first stale answer is %v, want the key that was written before the restart", e)
	}
	c.Kill(1)
	clustertest.Wait(t, "the leader is missed", func() bool { return a.Leader() == "" })
	if e, _ := get(t, a, stale, "k"); e == nil {
		t.Error("a member that was caught up once answers no stale read without a leader")
	}
}

// TestMemberWithoutVote runs an agent that is no server: it holds the state, reads and writes, and its leaving is seen as such.
func TestMemberWithoutVote(t *testing.T) {
	c := clustertest.Start(t, 3)
	a := c.Add(agent.Config{Name: "client"})
	c.Wait("the agent is registered", func() bool { return a.WatchView().Node("client") != nil })
	c.Put(a, "from", "client")
	if e, _ := get(t, a, cluster.QueryOptions{}, "from"); e == nil {
		t.Error("the agent does not read what it wrote")
	}
	peers, err := a.Peers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		if p.ID == a.ID() && p.Voter {
			t.Error("an agent that is no server votes")
		}
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Wait("the node is gone from the catalog", func() bool { return c.Agents[0].WatchView().Node("client") == nil })
	c.Wait("the peer set is three again", func() bool { p, err := c.Agents[0].Peers(); return err == nil && len(p) == 3 })
}

func TestSessionsEndWithTheirTTL(t *testing.T) {
	c := clustertest.Start(t, 1)
	a := c.Agents[0]
	const ttl = 300 * time.Millisecond
	id, began := "", time.Now()
	c.Again("make a session", func(ctx context.Context) (err error) {
		began = time.Now()
		id, err = a.CreateSession(ctx, cluster.WriteOptions{}, cluster.Session{Node: "n1", TTL: ttl, Behavior: cluster.SessionRelease})
		return err
	})
	if err := a.RenewSession(t.Context(), cluster.WriteOptions{}, id); err != nil && time.Since(began) < ttl { // on a busy machine it may be over
		t.Errorf("renew: %v", err)
	}
	c.Wait("the session has ended", func() bool { return a.WatchView().Session(id) == nil })
	if err := a.RenewSession(t.Context(), cluster.WriteOptions{}, id); cluster.CodeOf(err) != cluster.NotFound {
		t.Errorf("renewing a session that has ended: %v, want NotFound", err)
	}
}
