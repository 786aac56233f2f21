package assigner

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/failover/lease"
	"holdfast/failover/outbox"
)

// machine is what the leader knows of one machine from its lease channel.
type machine struct {
	node     string
	last     time.Time      // when its newest renewal arrived, on the monotonic clock
	answered time.Time      // when the newest renewal that was answered arrived
	out      *outbox.Outbox // nil while no stream is open
	renewal  lease.Renewal
}

// presence is what the leader would commit of the machine: news relative to what the state holds, or nil where nothing has changed.
func (c *machine) presence(old *cluster.Presence, now time.Time, ttl time.Duration) *cluster.Presence {
	p := &cluster.Presence{Node: c.node, Live: true, Why: "its lease channel is live", Unable: c.renewal.Unable, HardwareAddrs: c.renewal.HardwareAddrs, Networks: c.renewal.Networks}
	switch {
	case c.last.IsZero():
		p.Live, p.Why = false, "it has not opened a lease channel to this leader"
	case now.Sub(c.last) > ttl:
		p.Live, p.Why = false, fmt.Sprintf("no lease renewal from it for %s", ttl)
	case c.renewal.Stopping:
		p.Live, p.Why = false, cluster.StoppingWhy+c.renewal.StoppingWhy
	}
	if c.last.IsZero() && old != nil {
		p.Unable, p.HardwareAddrs, p.Networks = old.Unable, old.HardwareAddrs, old.Networks
	}
	if old != nil && old.Live == p.Live && maps.Equal(old.Unable, p.Unable) && slices.Equal(old.HardwareAddrs, p.HardwareAddrs) &&
		slices.Equal(old.Networks, p.Networks) {
		return nil
	}
	p.Since = time.Now()
	if old != nil && old.Live == p.Live {
		p.Since, p.Why = old.Since, old.Why
	}
	return p
}

// transitions are the entries of the timeline that a changed presence is worth.
func presenceTransitions(old, now *cluster.Presence) []cluster.Transition {
	var out []cluster.Transition
	if old == nil || old.Live != now.Live {
		out = append(out, cluster.Transition{Time: now.Since, Kind: cluster.TransitionPresence, Node: now.Node, Why: now.Node + ": " + now.Why})
	}
	was := map[string]string{}
	if old != nil {
		was = old.Unable
	}
	for _, g := range slices.Sorted(maps.Keys(now.Unable)) {
		switch {
		case was[g] == now.Unable[g], g != cluster.AnyGroup && now.Unable[cluster.AnyGroup] != "":
		case g == cluster.AnyGroup:
			out = append(out, cluster.Transition{Time: time.Now(), Kind: cluster.TransitionPresence, Node: now.Node, Why: now.Node + " carries no groups: " + now.Unable[g]})
		default:
			out = append(out, cluster.Transition{
				Time: time.Now(), Kind: cluster.TransitionPresence, Node: now.Node, Group: g, Why: now.Node + " cannot carry it: " + now.Unable[g],
			})
		}
	}
	return out
}
