package agent_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/event"
	"holdfast/cluster/local"
)

// names are the names of the events that came to an agent, in their order.
func names(a *agent.Agent) []string {
	var out []string
	events, _ := a.Events()
	for _, e := range events {
		out = append(out, e.Name)
	}
	return out
}

func fire(t *testing.T, a *agent.Agent, e cluster.UserEvent) string {
	t.Helper()
	id, err := a.FireEvent(cluster.WriteOptions{}, e)
	if err != nil {
		t.Fatalf("fire %s at %s: %v", e.Name, a.Name(), err)
	}
	return id
}

// TestEventsReachWhomTheyAreMeantFor fires with each kind of filter, and one last event for all: gossip has no order, so every agent is
// waited for, and then compared.
func TestEventsReachWhomTheyAreMeantFor(t *testing.T) {
	c := clustertest.Start(t, 3)
	web := local.Registration{Service: cluster.Service{Name: "web", Tags: []string{"v1"}}, Source: local.FromAPI}
	if err := c.Agents[1].Registry().RegisterService(web); err != nil {
		t.Fatal(err)
	}
	id := fire(t, c.Agents[0], cluster.UserEvent{Name: "all", Payload: []byte("x\x00y")})
	for i, a := range c.Agents {
		fire(t, a, cluster.UserEvent{Name: fmt.Sprintf("node%d", i), NodeFilter: "^n3$"})
		fire(t, a, cluster.UserEvent{Name: fmt.Sprintf("service%d", i), ServiceFilter: "^w"})
		fire(t, a, cluster.UserEvent{Name: fmt.Sprintf("tag%d", i), ServiceFilter: "web", TagFilter: "^v2$"})
	}
	want := [][]string{{"all"}, {"all", "service0", "service1", "service2"}, {"all", "node0", "node1", "node2"}}
	for i, a := range c.Agents {
		c.Wait("the events have come to "+a.Name(), func() bool {
			got := names(a)
			slices.Sort(got)
			return slices.Equal(got, want[i])
		})
		events, _ := a.Events()
		n := slices.IndexFunc(events, func(e *cluster.UserEvent) bool { return e.ID == id })
		if n < 0 || string(events[n].Payload) != "x\x00y" || events[n].LTime == 0 {
			t.Errorf("%s has %+v, want the event %s as it was sent, with its time", a.Name(), events, id)
		}
	}
}

func TestEventsRefused(t *testing.T) {
	c := clustertest.Start(t, 1)
	for _, e := range []struct {
		event cluster.UserEvent
		code  cluster.Code
		text  string
	}{
		{cluster.UserEvent{}, cluster.Invalid, "missing name"},
		{cluster.UserEvent{Name: "x", NodeFilter: "("}, cluster.Invalid, "Invalid node filter"},
		{cluster.UserEvent{Name: "x", Payload: bytes.Repeat([]byte("x"), 1024)}, cluster.TooLarge, "too large for gossip by"},
		{cluster.UserEvent{Name: strings.Repeat("n", 2000)}, cluster.TooLarge, "put what is larger into the KV store"},
	} {
		_, err := c.Agents[0].FireEvent(cluster.WriteOptions{}, e.event)
		if cluster.CodeOf(err) != e.code || !strings.Contains(err.Error(), e.text) {
			t.Errorf("%.60s…: %v, want %s", e.event.Name, err, e.text)
		}
	}
	if got := names(c.Agents[0]); len(got) > 0 {
		t.Errorf("what was refused has come: %q", got)
	}
	fire(t, c.Agents[0], cluster.UserEvent{Name: "x", Payload: bytes.Repeat([]byte("x"), 900)})
}

func TestNewestEventsAreKept(t *testing.T) {
	c := clustertest.Start(t, 1)
	a := c.Agents[0]
	for i := range event.Kept + 5 {
		fire(t, a, cluster.UserEvent{Name: strconv.Itoa(i)})
	}
	last := strconv.Itoa(event.Kept + 4)
	c.Wait("the last event has come", func() bool { got := names(a); return len(got) > 0 && got[len(got)-1] == last })
	if got := names(a); len(got) != event.Kept || got[0] != "5" {
		t.Errorf("%d events, the first %s", len(got), got[0])
	}
}
