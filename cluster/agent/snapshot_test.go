package agent_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/archive"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/state"
)

// save is an archive of the state, taken through an agent.
func save(t *testing.T, a *agent.Agent, opts cluster.QueryOptions) []byte {
	t.Helper()
	s, meta, err := a.Snapshot(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	m, err := archive.Read(bytes.NewReader(b.Bytes()), io.Discard)
	if err != nil || m.Index != meta.Index || len(m.Configuration.Servers) == 0 || m.Term == 0 {
		t.Fatalf("the archive says %+v, the answer has index %d; error %v", m, meta.Index, err)
	}
	return b.Bytes()
}

func restore(a *agent.Agent, b []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), clustertest.Limit)
	defer cancel()
	return a.Restore(ctx, cluster.WriteOptions{}, bytes.NewReader(b))
}

func value(t *testing.T, a *agent.Agent, key string) string {
	t.Helper()
	e, _ := get(t, a, cluster.QueryOptions{}, key)
	if e == nil {
		return ""
	}
	return string(e.Value)
}

// TestRestoreOnEveryMember saves and restores through followers: every member has the former keys, everyone who waits is told with a higher
// index, members that joined since stay in the catalog, and sessions have their time.
func TestRestoreOnEveryMember(t *testing.T) {
	c := clustertest.Start(t, 3)
	follower := c.Agents[(c.WaitLeader()+1)%3]
	c.Put(follower, "key", "then")
	session := ""
	c.Again("make a session", func(ctx context.Context) (err error) {
		session, err = follower.CreateSession(ctx, cluster.WriteOptions{}, cluster.Session{Node: "n1", TTL: time.Hour, Behavior: cluster.SessionRelease, NodeChecks: []string{cluster.SerfHealth}})
		return err
	})
	archived := save(t, follower, cluster.QueryOptions{})
	for i := range 50 {
		c.Put(c.Agents[i%3], "key", strings.Repeat("now", i+1))
	}
	c.Put(follower, "since", "x")
	late := c.Add(agent.Config{Name: "late"})
	c.Wait("the late one is registered", func() bool { return follower.WatchView().Node("late") != nil })
	var told sync.WaitGroup
	for _, a := range c.Agents {
		_, meta := get(t, a, cluster.QueryOptions{}, "key")
		told.Go(func() {
			e, m := get(t, a, cluster.QueryOptions{MinIndex: meta.Index, MaxWait: clustertest.Limit}, "key")
			if string(e.Value) != "then" || m.Index <= meta.Index || e.ModifyIndex != m.Index {
				t.Errorf("%s was told %q at %d after %d", a.Name(), e.Value, m.Index, meta.Index)
			}
		})
	}
	c.Again("restore", func(context.Context) error { return restore(follower, archived) })
	told.Wait()
	for _, a := range c.Agents {
		if v := value(t, a, "key"); v != "then" {
			t.Errorf("%s has %q", a.Name(), v)
		}
		if v := value(t, a, "since"); v != "" {
			t.Errorf("%s has a key that the snapshot lacks", a.Name())
		}
	}
	if err := late.RenewSession(t.Context(), cluster.WriteOptions{}, session); err != nil {
		t.Errorf("the session of the snapshot: %v", err)
	}
	v := follower.WatchView()
	if v.Node("late") == nil || len(v.ServiceInstances("consul")) != 3 {
		t.Error("the catalog lost members that live")
	}
}

func TestRestoreRefusesWhatIsNotWhole(t *testing.T) {
	c := clustertest.Start(t, 1)
	a := c.Agents[0]
	c.Put(a, "key", "here")
	whole := save(t, a, cluster.QueryOptions{Consistency: cluster.Stale})
	altered := bytes.Clone(whole)
	altered[len(altered)/2] ^= 1
	for name, b := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "cut off": whole[:len(whole)/2], "altered": altered,
		"of another program": foreign(t, "\x81\xa9LastIndex\x05and more"), "of a later format": foreign(t, "holdfast\x63and more"),
	} {
		if err := restore(a, b); cluster.CodeOf(err) != cluster.Invalid {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := restore(a, foreign(t, "\x81\xa9LastIndex\x05and more")); err == nil || !strings.Contains(err.Error(), "holdfast import consul") {
		t.Errorf("a snapshot of a Consul server: %v", err)
	}
	if v := value(t, a, "key"); v != "here" {
		t.Errorf("the key is %q afterwards", v)
	}
}

// foreign is an archive in order, whose state is something else.
func foreign(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	err := archive.Write(&b, archive.New(5, 1, time.Now()), func(w io.Writer) error { _, err := io.WriteString(w, content); return err })
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRestoreIsInterrupted lets the leader die between two parts: nothing has changed, the next leader knows nothing of the restore, and it
// can be done again.
func TestRestoreIsInterrupted(t *testing.T) {
	c := clustertest.Start(t, 3)
	leader := c.WaitLeader()
	survivor := c.Agents[(leader+1)%3]
	c.Put(survivor, "key", "then")
	archived := save(t, survivor, cluster.QueryOptions{})
	c.Put(survivor, "key", "now")
	part := func(n int, last bool) error {
		_, err := survivor.Apply(t.Context(), cluster.WriteOptions{}, &cluster.Restore{ID: "r", Part: n, Data: []byte("half"), Last: last})
		return err
	}
	if err := part(0, false); err != nil {
		t.Fatal(err)
	}
	c.Kill(leader)
	c.WaitLeader()
	if err := part(1, true); cluster.CodeOf(err) != cluster.Conflict {
		t.Errorf("the next part under another leader: %v", err)
	}
	if v := value(t, survivor, "key"); v != "now" {
		t.Errorf("half a restore changed the key to %q", v)
	}
	c.Again("restore", func(context.Context) error { return restore(survivor, archived) })
	c.Open(leader)
	c.Wait("the one that was dead has the restored state", func() bool {
		e := c.Agents[leader].WatchView().KVGet("key")
		return e != nil && string(e.Value) == "then"
	})
}

// TestRestoreIntoAnotherCluster is the disaster: all servers are gone, and a new cluster gets the state of the old one, whose clients wait with
// the indexes that they knew.
func TestRestoreIntoAnotherCluster(t *testing.T) {
	old := clustertest.Start(t, 1)
	for range 300 {
		old.Put(old.Agents[0], "key", "lost")
	}
	noise := make([]byte, 240<<10)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise) // it never fails
	big := hex.EncodeToString(noise)
	for i := range 6 {
		old.Put(old.Agents[0], "big"+strings.Repeat("x", i), big)
	}
	_, known := get(t, old.Agents[0], cluster.QueryOptions{}, "key")
	archived := save(t, old.Agents[0], cluster.QueryOptions{})
	c := clustertest.Start(t, 1)
	a := c.Agents[0]
	if err := restore(a, archived); err != nil {
		t.Fatal(err)
	}
	e, meta := get(t, a, cluster.QueryOptions{}, "key")
	if e == nil || meta.Index <= known.Index {
		t.Fatalf("the key is %v at index %d; its clients know index %d", e, meta.Index, known.Index)
	}
	c.Put(a, "after", "x")
	if after, _ := get(t, a, cluster.QueryOptions{}, "after"); after.ModifyIndex <= meta.Index {
		t.Errorf("a write after the restore has the index %d", after.ModifyIndex)
	}
	if got := value(t, a, "bigxxxxx"); got != big {
		t.Error("a large value differs")
	}
	c.Kill(0)
	a = c.Open(0)
	c.WaitLeader()
	if _, again := get(t, a, cluster.QueryOptions{}, "key"); again.Index != meta.Index {
		t.Errorf("after a restart the index is %d, was %d", again.Index, meta.Index)
	}
	_, err := a.Query(t.Context(), cluster.QueryOptions{}, func(v *state.View) error { v.KVList(""); return nil })
	if err != nil {
		t.Error(err)
	}
}
