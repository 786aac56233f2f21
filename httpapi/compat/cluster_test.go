package compat

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestStatus: every server names the same leader and the same peers, and another leader once that one is gone.
func TestStatus(t *testing.T) {
	all := startCluster(t, 3)
	var lost *agent
	eventually(t, "all name the same leader and three peers", func() error {
		leader, err := all[0].Status().Leader()
		if err != nil {
			return err
		}
		lost = nil
		for _, a := range all {
			peers, err := a.Status().Peers()
			if l, e := a.Status().Leader(); err != nil || e != nil || l != leader || len(peers) != 3 {
				return fmt.Errorf("%s: leader %q, peers %v, %w", a.name, l, peers, errors.Join(err, e))
			}
			if leader == a.addr.String()+":8300" {
				lost = a
			}
		}
		if lost == nil {
			return fmt.Errorf("the leader %q is none of the servers", leader)
		}
		return nil
	})
	put(t, all[0].KV(), "k", "v")
	lost.kill(t)
	for _, a := range all {
		if a == lost {
			continue
		}
		eventually(t, a.name+" has another leader and all that was written", func() error {
			pair, _, err := a.KV().Get("k", &api.QueryOptions{RequireConsistent: true})
			if err == nil && (pair == nil || string(pair.Value) != "v") {
				t.Errorf("%s has lost a write: %v", a.name, pair)
			}
			return err
		})
		eventually(t, a.name+" says that the other is gone", func() error {
			checks, _, err := a.Health().Node(lost.name, nil)
			if err == nil && checks.AggregatedStatus() != api.HealthCritical {
				err = fmt.Errorf("its checks are %v", checks)
			}
			return err
		})
		eventually(t, a.name+" sees the member as failed", func() error {
			members, err := a.Agent().Members(false)
			for _, m := range members {
				if m.Name == lost.name && m.Status == 4 {
					return nil
				}
			}
			return errors.Join(err, fmt.Errorf("the members are %v", members))
		})
	}
}

// TestEvents: an event that one agent fires is heard by another, and a watcher of the list wakes.
func TestEvents(t *testing.T) {
	all := startCluster(t, 2)
	_, meta, err := all[1].Event().List("deploy", nil)
	ok(t, err)
	id, _, err := all[0].Event().Fire(&api.UserEvent{Name: "deploy", Payload: []byte("v2")}, nil)
	ok(t, err)
	eventually(t, "the other agent has the event", func() error {
		events, m, err := all[1].Event().List("deploy", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: limit})
		ok(t, err)
		if len(events) != 1 || events[0].ID != id || string(events[0].Payload) != "v2" || events[0].LTime == 0 {
			return fmt.Errorf("the events are %v at %d", events, m.LastIndex)
		}
		if want := all[1].Event().IDToIndex(id); m.LastIndex != want {
			t.Errorf("the index is %d, want the event's %d", m.LastIndex, want)
		}
		return nil
	})
}

// TestCoordinates: the members measure where they are.
func TestCoordinates(t *testing.T) {
	a := startCluster(t, 2)[0]
	eventually(t, "both have coordinates", func() error {
		nodes, meta, err := a.Coordinate().Nodes(nil)
		ok(t, err)
		if len(nodes) != 2 || nodes[0].Coord == nil || len(nodes[0].Coord.Vec) != 8 || meta.LastIndex == 0 {
			return fmt.Errorf("they are %v", nodes)
		}
		return nil
	})
	if dcs, err := a.Coordinate().Datacenters(); err != nil || len(dcs) != 1 || dcs[0].Datacenter != "dc1" || dcs[0].AreaID != "wan" || len(dcs[0].Coordinates) != 2 {
		t.Errorf("coordinates by datacenter: %+v, %v", dcs[0], err)
	}
}
