package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"holdfast/cmd/holdfast/daemontest"
)

// TestManyMembers measures what agents without a vote cost the three servers that they are beside: HOLDFAST_MEMBERS=500 says how many, each a
// process of its own with a loopback address of its own. HOLDFAST_CONFIG is more configuration for all, as performance { raft_multiplier = 5 }; HOLDFAST_PROFILE names a directory for the leader's CPU profiles. DESIGN.md has the table.
func TestManyMembers(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("HOLDFAST_MEMBERS"))
	if err != nil || n < 2 {
		t.Skip("set HOLDFAST_MEMBERS=500 to run so many agents beside three servers and to measure what they cost")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &many{t: t, c: daemontest.Start(t, daemontest.Options{
		Command: []string{self}, Env: []string{asHoldfast + "=1"}, Extra: "log_level = \"warn\"\nenable_debug = true\nports { dns = -1 }\nlimits { http_max_conns_per_client = 4000 }\n" + os.Getenv("HOLDFAST_CONFIG") + "\n",
	})}
	m.leader = m.c.Leader()
	m.agents = m.c.Agents(n, "")
	m.rest("three servers", 10*time.Second)
	m.join()
	if now := m.c.Leader(); now != m.leader {
		t.Logf("%s has come to lead after %s while they joined", now.Member, m.leader.Member)
		m.leader = now
	}
	m.rest("all", 20*time.Second)
	m.writes(10)
	m.death()
	if now := m.c.Leader(); now != m.leader {
		t.Errorf("%s has come to lead after %s", now.Member, m.leader.Member)
	}
}

// many are the agents and what they are beside.
type many struct {
	t      *testing.T
	c      *daemontest.Cluster
	leader *daemontest.Member
	agents []*daemontest.Member
}

// join starts all agents and waits until each is a node and has a seat, without which it would not see what is written.
func (m *many) join() {
	began, cpu := time.Now(), m.leader.CPU()
	defer m.profile("join", 20*time.Second)()
	for i, a := range m.agents {
		a.Start()
		if i%10 == 9 {
			daemontest.Pause(m.t.Context(), 100*time.Millisecond)
		}
	}
	started := time.Since(began)
	for last, since := 0, time.Now(); last < len(m.agents)+3; daemontest.Pause(m.t.Context(), 100*time.Millisecond) {
		var nodes []struct{ Node string }
		if m.leader.JSON(m.t.Context(), "/v1/catalog/nodes?stale", &nodes) == nil && len(nodes) > last {
			last, since = len(nodes), time.Now()
		} else if time.Since(since) > daemontest.Limit {
			m.t.Fatalf("%d of %d are nodes", last, len(m.agents)+3)
		}
	}
	nodes := time.Since(began)
	index := m.index()
	m.put()
	m.seen(index)
	m.t.Logf("%d agents: started within %s, all are nodes after %s and have a seat and read a write after %s; the leader used %s", len(m.agents), started, nodes, time.Since(began), m.leader.CPU()-cpu)
}

// rest measures what everybody uses while nothing happens.
func (m *many) rest(who string, d time.Duration) {
	all := append(slices.Clone(m.c.Members), m.agents...)
	daemontest.Pause(m.t.Context(), 3*time.Second)
	cpu := make([]time.Duration, len(all))
	for i, x := range all {
		cpu[i] = x.CPU()
	}
	stop := m.profile("rest", d)
	daemontest.Pause(m.t.Context(), d)
	stop()
	var agents time.Duration
	var rss int64
	for i, x := range all {
		used := x.CPU() - cpu[i]
		if i < 3 {
			role := "a follower"
			if x == m.leader {
				role = "the leader"
			}
			m.t.Logf("%s at rest: %s uses %.2f %% of a core, %d MB", who, role, 100*used.Seconds()/d.Seconds(), x.RSS()>>20)
			continue
		}
		agents, rss = agents+used, rss+x.RSS()
	}
	if len(m.agents) > 0 && rss > 0 {
		k := len(m.agents)
		m.t.Logf("%s at rest: an agent uses %.2f %% of a core, %d MB", who, 100*agents.Seconds()/d.Seconds()/float64(k), rss/int64(k)>>20)
	}
}

// index is what a question about the key that put writes is answered with now.
func (m *many) index() uint64 {
	m.t.Helper()
	_, index, err := m.leader.Get(m.t.Context(), "seen", "consistent")
	if err != nil {
		m.t.Fatal(err)
	}
	return index
}

// put writes once.
func (m *many) put() {
	m.t.Helper()
	if _, err := m.leader.Put(m.t.Context(), "seen", time.Now().String(), ""); err != nil {
		m.t.Fatal(err)
	}
}

// seen waits until every agent has an index beyond the given one, and answers the times at which they had, in order.
func (m *many) seen(index uint64) []time.Time {
	at := make([]time.Time, len(m.agents))
	var wg sync.WaitGroup
	for i, a := range m.agents {
		wg.Go(func() {
			for deadline := time.Now().Add(daemontest.Limit); ; {
				_, now, err := a.Get(m.t.Context(), "seen", fmt.Sprintf("stale&wait=60s&index=%d", index))
				if at[i] = time.Now(); err == nil && now > index {
					return
				}
				if time.Now().After(deadline) {
					m.t.Errorf("%s does not see a write: %v", a.Member, err)
					return
				}
			}
		})
	}
	wg.Wait()
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// writes measures how long single writes take to be seen on all agents, each of which waits for it, and what the leader uses for one.
func (m *many) writes(n int) {
	var half, last []time.Duration
	for range n {
		index, done := m.index(), make(chan []time.Time, 1)
		go func() { done <- m.seen(index) }()
		daemontest.Pause(m.t.Context(), 500*time.Millisecond) // by then all are waiting
		began := time.Now()
		m.put()
		at := <-done
		half, last = append(half, at[len(at)/2].Sub(began)), append(last, at[len(at)-1].Sub(began))
	}
	slices.Sort(half)
	slices.Sort(last)
	m.t.Logf("a write is seen by half of the agents after %s, by all after %s (medians of %d; slowest %s)", half[n/2], last[n/2], n, last[n-1])
	cpu, began := m.leader.CPU(), time.Now()
	stop := m.profile("writes", 5*time.Second)
	k := 0
	for time.Since(began) < 5*time.Second {
		if _, err := m.leader.Put(m.t.Context(), "load", "v", ""); err != nil {
			m.t.Fatal(err)
		}
		k++
		daemontest.Pause(m.t.Context(), time.Until(began.Add(time.Duration(k)*50*time.Millisecond)))
	}
	stop()
	m.t.Logf("%.1f writes a second, one at a time: the leader uses %.1f %% of a core", float64(k)/time.Since(began).Seconds(), 100*(m.leader.CPU()-cpu).Seconds()/time.Since(began).Seconds())
}

// death kills an agent and waits until gossip has told everybody.
func (m *many) death() {
	victim, rest := m.agents[0], m.agents[1:]
	began := time.Now()
	victim.Kill()
	var took []time.Duration
	for _, a := range append([]*daemontest.Member{m.leader}, rest[max(0, len(rest)-20):]...) {
		daemontest.Await(m.t, a.Member+" knows that "+victim.Member+" is gone", func(ctx context.Context) bool {
			var all []struct {
				Name   string
				Status int
			}
			const failed = 4
			err := a.JSON(ctx, "/v1/agent/members", &all)
			for _, x := range all {
				if err == nil && x.Name == victim.Member && x.Status == failed {
					return true
				}
			}
			return false
		})
		took = append(took, time.Since(began))
	}
	m.t.Logf("an agent was killed: the leader's gossip knows after %s, twenty others after %s", took[0], took[len(took)-1])
}

// profile takes a CPU profile of the leader, where one is wanted; what it answers waits for it.
func (m *many) profile(name string, d time.Duration) func() {
	dir := os.Getenv("HOLDFAST_PROFILE")
	if dir == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err := http.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", m.leader.Base, int(d.Seconds())))
		if err != nil {
			return
		}
		defer resp.Body.Close()
		if f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.pb.gz", name, len(m.agents)))); err == nil {
			_, _ = io.Copy(f, resp.Body)
			_ = f.Close()
		}
	}()
	return func() { <-done }
}
