package agent_test

import (
	"fmt"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/local"
)

// TestThousandServicesOfOneAgent brings a thousand services with their checks through a real cluster: what others do to them in the catalog is undone,
// and a restart of their agent writes nothing but its own node's return.
func TestThousandServicesOfOneAgent(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand services are no unit test")
	}
	t.Parallel()
	const n = 1000
	id := func(i int) string { return fmt.Sprintf("s%03d", i) }
	status := func(i int) cluster.Status {
		return []cluster.Status{cluster.Passing, cluster.Warning, cluster.Critical}[i%3]
	}
	c := clustertest.Start(t, 3)
	owner := c.Add(agent.Config{Name: "owner"})
	if err := owner.Registry().Replace(nil, nil); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		reg := local.Registration{
			Service: cluster.Service{ID: id(i), Name: "many", Port: i, Weights: cluster.DefaultWeights}, Source: local.FromAPI,
			Checks: []cluster.CheckDefinition{{ID: "c" + id(i), Name: "c", TTL: time.Hour}},
		}
		if err := owner.Registry().RegisterService(reg); err != nil {
			t.Fatal(err)
		}
		if err := owner.Registry().UpdateTTL("c"+id(i), status(i), ""); err != nil {
			t.Fatal(err)
		}
	}
	asRegistered := func() bool {
		v := c.Agents[0].WatchView()
		if len(v.NodeServices("owner")) != n {
			return false
		}
		for i := range n {
			s, ch := v.NodeService("owner", id(i)), v.NodeCheck("owner", "c"+id(i))
			if s == nil || s.Port != i || ch == nil || ch.Status != status(i) {
				return false
			}
		}
		return true
	}
	within(t, time.Minute, "the catalog has them", asRegistered)

	apply := func(cmd cluster.Command) {
		t.Helper()
		c.Apply(c.Agents[0], cmd)
	}
	before := c.Agents[0].Store().AppliedIndex()
	node := *c.Agents[0].WatchView().Node("owner")
	for i := range 10 {
		apply(&cluster.Deregister{Node: "owner", ServiceID: id(i)})
		apply(&cluster.Register{Node: node, Service: &cluster.Service{Node: "owner", ID: id(100 + i), Name: "many", Port: 9999, Weights: cluster.DefaultWeights}})
		apply(&cluster.Register{Node: node, Service: &cluster.Service{Node: "owner", ID: fmt.Sprint("stranger", i), Name: "many", Weights: cluster.DefaultWeights}})
	}
	within(t, time.Minute, "the catalog is put right", asRegistered)
	if wrote := c.Agents[0].Store().AppliedIndex() - before - 30; wrote > 60 {
		t.Errorf("to undo 30 changes %d entries were written", wrote)
	}

	index := func() (all []uint64) {
		v := c.Agents[0].WatchView()
		for i := range n {
			all = append(all, v.NodeService("owner", id(i)).ModifyIndex, v.NodeCheck("owner", "c"+id(i)).ModifyIndex)
		}
		return all
	}
	was := index()
	last := len(c.Agents) - 1
	c.Kill(last)
	owner = c.Open(last)
	if err := owner.Registry().Replace(nil, nil); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "the agent is back, and knows its checks", func() bool {
		ch, ok := owner.Registry().Checks()["c"+id(1)]
		return ok && ch.Status == status(1) && asRegistered()
	})
	if err := owner.Registry().Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, at := range index() {
		if at != was[i] {
			t.Fatalf("a restart has written service or check %d anew", i/2)
		}
	}
}
