package assigner

import (
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/lease"
)

func TestPresenceNews(t *testing.T) {
	const ttl = time.Second
	now := time.Now()
	full := lease.Renewal{Unable: map[string]string{"g": "no interface"}, HardwareAddrs: []string{"m"}, Networks: []string{"eth0 10.0.0.1/24"}}
	known := cluster.Presence{Node: "n1", Live: true, Why: "w", Unable: full.Unable, HardwareAddrs: full.HardwareAddrs, Networks: full.Networks}
	with := func(f func(*cluster.Presence)) *cluster.Presence {
		p := known
		f(&p)
		return &p
	}
	for _, c := range []struct {
		name string
		ch   machine
		old  *cluster.Presence
		news bool
		live bool
		why  string
	}{
		{"first seen", machine{last: now}, nil, true, true, "its lease channel is live"},
		{"never seen", machine{}, nil, true, false, "it has not opened a lease channel to this leader"},
		{"not seen by this leader", machine{}, &known, true, false, "it has not opened a lease channel to this leader"},
		{"not seen, and known to be lost", machine{}, with(func(p *cluster.Presence) { p.Live = false }), false, false, ""},
		{"nothing new", machine{last: now, renewal: full}, &known, false, true, ""},
		{"nothing new at the end of the lease", machine{last: now.Add(-ttl), renewal: full}, &known, false, true, ""},
		{"silent", machine{last: now.Add(-ttl - 1), renewal: full}, &known, true, false, "no lease renewal from it for 1s"},
		{"stopping", machine{last: now, renewal: lease.Renewal{Stopping: true, StoppingWhy: "upgrade"}}, &known, true, false, "its daemon is stopping: upgrade"},
		{"back", machine{last: now, renewal: full}, with(func(p *cluster.Presence) { p.Live = false }), true, true, "its lease channel is live"},
		{"able again", machine{last: now, renewal: lease.Renewal{HardwareAddrs: full.HardwareAddrs, Networks: full.Networks}}, &known, true, true, "w"},
		{"new hardware", machine{last: now, renewal: full}, with(func(p *cluster.Presence) { p.HardwareAddrs = nil }), true, true, "w"},
		{"new network", machine{last: now, renewal: full}, with(func(p *cluster.Presence) { p.Networks = nil }), true, true, "w"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.ch.node = "n1"
			p := c.ch.presence(c.old, now, ttl)
			if (p != nil) != c.news {
				t.Fatalf("news: %+v", p)
			}
			if p == nil {
				return
			}
			if p.Node != "n1" || p.Live != c.live || p.Why != c.why {
				t.Errorf("got %+v", p)
			}
			if c.ch.last.IsZero() && c.old != nil && len(p.Networks) != len(c.old.Networks) {
				t.Error("what is known of a machine that is not heard was forgotten")
			}
		})
	}
}

func TestPresenceTransitions(t *testing.T) {
	live := &cluster.Presence{Node: "n1", Live: true, Why: "up"}
	lost := &cluster.Presence{Node: "n1", Why: "silence", Unable: map[string]string{"h": "x", "g": "y"}}
	for _, c := range []struct {
		old, now *cluster.Presence
		want     []string
	}{
		{nil, live, []string{"n1: up"}},
		{live, lost, []string{"n1: silence", "n1 cannot carry it: y", "n1 cannot carry it: x"}},
		{lost, lost, nil},
		{live, live, nil},
	} {
		got := presenceTransitions(c.old, c.now)
		if len(got) != len(c.want) {
			t.Errorf("%d entries, want %q", len(got), c.want)
			continue
		}
		for i, x := range got {
			if x.Why != c.want[i] || x.Kind != cluster.TransitionPresence || x.Node != "n1" {
				t.Errorf("entry %d: %+v, want %q", i, x, c.want[i])
			}
		}
	}
}
