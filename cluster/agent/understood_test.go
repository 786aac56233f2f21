package agent_test

import (
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/codec"
)

// TestOlderMembers holds that no command enters the log which a member with a seat could not apply, whoever asks for it and whoever leads, and
// that what every version knows goes on.
func TestOlderMembers(t *testing.T) {
	c := calm(t, "n1", "n2", "n3")
	c.WaitID()
	client := c.Add(agent.Config{Name: "client"})
	c.WaitID()
	c.Wait("the client has a seat", func() bool { return strings.Count(seats(t, c.Agents[0]), " ") == 3 })
	leader := c.Agents[c.WaitLeader()]
	transaction := &cluster.Transaction{Operations: []cluster.Operation{{KV: &cluster.KVOperation{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "k"}}}}}
	apply := func(a *agent.Agent, cmd cluster.Command) error {
		_, err := a.Apply(t.Context(), cluster.WriteOptions{}, cmd)
		return err
	}
	seen := func(version string) func() bool {
		return func() bool {
			for _, a := range c.Agents {
				for _, m := range a.Members() {
					if m.Name == "client" && m.Tags[cluster.TagHoldfast] != version {
						return false
					}
				}
			}
			return true
		}
	}
	if err := client.PretendOlder(); err != nil {
		t.Fatal(err)
	}
	c.Wait("all see the version of the client", seen("0.1.0"))
	for _, a := range c.Agents {
		if err := apply(a, transaction); cluster.CodeOf(err) != cluster.Unsupported || err.Error() !=
			"the member client runs Holdfast 0.1.0, which does not know this kind of request: upgrade it first; nothing was changed" {
			t.Errorf("a transaction through %s: %v", a.Name(), err)
		}
		if err := apply(a, &cluster.Restore{ID: "r", Last: true}); cluster.CodeOf(err) != cluster.Unsupported {
			t.Errorf("a restore through %s: %v", a.Name(), err)
		}
		c.Put(a, "k", a.Name())
	}
	encoded, err := codec.EncodeCommand(transaction)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Forward(t.Context(), leader.Leader(), encoded); cluster.CodeOf(err) != cluster.Unsupported {
		t.Errorf("the leader took what a member forwarded: %v", err)
	}
	encoded[0] = 125
	if err := client.Forward(t.Context(), leader.Leader(), encoded); cluster.CodeOf(err) != cluster.Unsupported || !strings.Contains(err.Error(), leader.Name()) {
		t.Errorf("the leader took a command of a later version: %v", err)
	}
	if e, _ := get(t, leader, cluster.QueryOptions{}, "k"); string(e.Value) != "client" {
		t.Errorf("the key is %q", e.Value)
	}
	if err := client.StopPretending(); err != nil {
		t.Fatal(err)
	}
	c.Wait("all see that the client was upgraded", seen("test"))
	for _, a := range c.Agents {
		clustertest.Wait(t, "transactions are done", func() bool { return apply(a, transaction) == nil })
	}
}
