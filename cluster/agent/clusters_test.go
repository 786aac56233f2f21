package agent_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
)

// membersOf are the members that an agent sees, in order.
func membersOf(a *agent.Agent) string {
	var out []string
	for _, m := range a.Members() {
		out = append(out, m.Name)
	}
	return strings.Join(out, " ")
}

// seats are the addresses of the peer set, in order.
func seats(t *testing.T, a *agent.Agent) string {
	t.Helper()
	peers, err := a.Peers()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range peers {
		out = append(out, p.Addr)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// calm starts servers that are not hurried: what these tests are about has time, and many of them share the machine.
func calm(t *testing.T, names ...string) *clustertest.Cluster {
	t.Helper()
	c := clustertest.New(t)
	for _, name := range names {
		c.Add(agent.Config{Name: name, Server: true, BootstrapExpect: len(names), RaftMultiplier: 5})
	}
	c.WaitLeader()
	for _, a := range c.Agents {
		c.Wait("every server is registered", func() bool { return len(a.WatchView().ServiceInstances("consul")) == len(names) })
	}
	return c
}

// TestClusterID follows the ID through the life of a cluster.
func TestClusterID(t *testing.T) {
	c := calm(t, "n1", "n2", "n3")
	id := c.WaitID()
	if len(id) != 36 {
		t.Errorf("the cluster ID is %q, want a UUID", id)
	}
	c.Add(agent.Config{Name: "client"})
	if got := c.WaitID(); got != id {
		t.Errorf("with a new member the ID is %s, was %s", got, id)
	}
	c.Kill(c.WaitLeader())
	c.WaitLeader()
	if got := c.WaitID(); got != id {
		t.Errorf("under another leader the ID is %s, was %s", got, id)
	}
	for i, a := range c.Agents {
		if a != nil {
			c.Kill(i)
		}
	}
	for i := range c.Agents {
		if got := c.Open(i).ClusterID(); got != id { // before it has spoken to anybody
			t.Errorf("after a restart the ID is %q, was %s", got, id)
		}
	}
	c.Put(c.Agents[c.WaitLeader()], "after", "v")
}

// TestDataDirOfAnEarlierVersion opens what the first format left behind, where nothing has an ID.
func TestDataDirOfAnEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "consensus", "testdata", "data-format1"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "node.json"), []byte(`{"ID":"a","Name":"n1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := clustertest.New(t)
	c.Add(agent.Config{Name: "n1", Server: true, DataDir: dir, RaftMultiplier: 5})
	c.WaitLeader()
	id := c.WaitID()
	if e, _ := get(t, c.Agents[0], cluster.QueryOptions{}, "key/007"); e == nil {
		t.Error("a key is lost")
	}
	c.Add(agent.Config{Name: "n2", Server: true, RaftMultiplier: 5})
	c.Wait("a new server is admitted", func() bool { return len(c.Agents[1].WatchView().ServiceInstances("consul")) == 2 })
	if got := c.WaitID(); got != id {
		t.Errorf("with a new member the ID is %s, was %s", got, id)
	}
	c.Kill(0)
	if got := c.Open(0).ClusterID(); got != id {
		t.Errorf("after a restart the ID is %q, was %s", got, id)
	}
}

// TestTwoClustersStayTwo joins two clusters by hand, in every way that there is. Their members have the same names.
func TestTwoClustersStayTwo(t *testing.T) {
	one, two := calm(t, "n1", "n2", "n3"), calm(t, "n1")
	ids := []string{one.WaitID(), two.WaitID()}
	if ids[0] == ids[1] {
		t.Fatalf("two clusters have the ID %s", ids[0])
	}
	stranger := calm(t, "stranger") // whose name nobody has
	ids = append(ids, stranger.WaitID())
	wantApart := func() {
		t.Helper()
		for i, c := range []*clustertest.Cluster{one, two, stranger} {
			members, peers := membersOf(c.Agents[0]), seats(t, c.Agents[0])
			for _, a := range c.Agents {
				if membersOf(a) != members || seats(t, a) != peers || a.ClusterID() != ids[i] || len(a.WatchView().Nodes()) != len(c.Agents) {
					t.Errorf("%s of cluster %d has the members %s, the peers %s, %d nodes", a.Name(), i, membersOf(a), seats(t, a), len(a.WatchView().Nodes()))
				}
			}
			if strings.Count(members, " ")+1 != len(c.Agents) || strings.Count(peers, " ")+1 != len(c.Agents) {
				t.Errorf("cluster %d has the members %s and the peers %s", i, members, peers)
			}
		}
	}
	for _, way := range [][2]*clustertest.Cluster{{one, two}, {two, one}, {one, stranger}, {stranger, two}} {
		for _, from := range way[0].Agents {
			for _, to := range way[1].Agents {
				n, err := from.Join(t.Context(), []string{to.Self().Addr.String()})
				if n != 0 || cluster.CodeOf(err) != cluster.Conflict || !strings.Contains(err.Error(), "two clusters cannot be joined") ||
					!strings.Contains(err.Error(), from.ClusterID()) || !strings.Contains(err.Error(), to.ClusterID()) {
					t.Errorf("%s joined %s: %d, %v", from.Name(), to.Name(), n, err)
				}
			}
		}
	}
	for _, c := range []*clustertest.Cluster{one, two, stranger} {
		for i, a := range c.Agents {
			c.Put(a, "key", strings.Repeat("x", i+1))
		}
	}
	wantApart()
}

// TestMachineGivenToAnotherCluster has the members of one cluster go on to call a machine that lost its disk and belongs to another.
func TestMachineGivenToAnotherCluster(t *testing.T) {
	from, to := calm(t, "n1", "n2", "n3"), calm(t, "m1")
	old, its := from.WaitID(), to.WaitID()
	from.Put(from.Agents[0], "key", "of the old one")
	to.Put(to.Agents[0], "key", "of the new one")
	moved := from.Give(2, to)
	to.Wait("the machine is admitted", func() bool { return len(moved.WatchView().ServiceInstances("consul")) == 2 })
	if got := to.WaitID(); got != its {
		t.Errorf("its cluster is %s, want %s", got, its)
	}
	from.WaitLeader()
	for _, a := range from.Agents[:2] {
		from.Wait("the old cluster sees it fail", func() bool {
			return slices.ContainsFunc(a.Members(), func(m cluster.Member) bool { return m.Name == "n3" && m.Status == cluster.StatusFailed })
		})
		from.Put(a, "later", "v")
		if a.ClusterID() != old {
			t.Errorf("%s changed its cluster", a.Name())
		}
	}
	if _, err := from.Agents[0].Join(t.Context(), []string{moved.Self().Addr.String()}); err == nil {
		t.Error("the old cluster joined it")
	}
	if e, _ := get(t, moved, cluster.QueryOptions{}, "key"); e == nil || string(e.Value) != "of the new one" {
		t.Errorf("it reads %v", e)
	}
	if e, _ := get(t, moved, cluster.QueryOptions{}, "later"); e != nil {
		t.Errorf("it has taken an entry of the old cluster: %v", e)
	}
	for _, a := range to.Agents {
		if membersOf(a) != "m1 n3" || strings.Count(seats(t, a), " ") != 1 {
			t.Errorf("%s has the members %s and the peers %s", a.Name(), membersOf(a), seats(t, a))
		}
	}
}

// TestNoSecondClusterAtAnotherPort has a server that would make a cluster alone (bootstrap_expect = 1), and names a member of one to join
// whose server port is not its own.
func TestNoSecondClusterAtAnotherPort(t *testing.T) {
	c := calm(t, "n1")
	id := c.WaitID()
	for _, name := range []string{"a-first-by-name", "z-last-by-name"} {
		c.Add(agent.Config{Name: name, Server: true, BootstrapExpect: 1, RaftMultiplier: 5})
	}
	c.Wait("both are admitted", func() bool { return len(c.Agents[2].WatchView().ServiceInstances("consul")) == 3 })
	if got := c.WaitID(); got != id {
		t.Errorf("the cluster ID is %s, was %s", got, id)
	}
}

// TestRaftOfAnOlderVersion connects as members of older versions do, which say nothing first: from where a member with a seat is, and from elsewhere.
func TestRaftOfAnOlderVersion(t *testing.T) {
	c := calm(t, "n1")
	c.WaitID()
	self := c.Agents[0].Self()
	for from, taken := range map[string]bool{"127.0.0.1": true, "127.0.0.2": false} {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.DialContext(t.Context(), "tcp", self.RPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte{0xA1}); err != nil {
			t.Fatal(err)
		}
		limit := clustertest.Limit
		if taken {
			limit = 300 * time.Millisecond // raft waits for a message
		}
		_ = conn.SetReadDeadline(time.Now().Add(limit))
		_, err = conn.Read(make([]byte, 1))
		if waited := errors.Is(err, os.ErrDeadlineExceeded); waited != taken {
			t.Errorf("from %s: taken %v, want %v (%v)", from, waited, taken, err)
		}
	}
}
