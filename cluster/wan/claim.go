package wan

import (
	"strings"
	"sync"

	"holdfast/cluster"
	"holdfast/cluster/gossip"
)

// claims says whose each datacenter's name is: of the cluster whose servers have it here and are alive.
type claims struct {
	datacenter string        // of this server
	cluster    func() string // the ID of its cluster

	mu     sync.Mutex                // guards following
	living map[string]cluster.Member // servers that are alive, by name
}

// accept refuses who is no server of a datacenter, or claims the name of another cluster's.
func (c *claims) accept(m cluster.Member) error {
	dc, theirs, ours := m.Tags[cluster.TagDatacenter], m.ClusterID(), c.cluster()
	switch {
	case dc == "" || !m.IsServer() || m.Name == "."+dc || !strings.HasSuffix(m.Name, "."+dc):
		return cluster.Errorf(cluster.Invalid, "member %s at %s is no server of a datacenter: only servers, called NODE.DATACENTER, are in the pool between datacenters", m.Name, m.Addr)
	case theirs == "":
		return nil // it has no cluster yet, or not learned its ID
	case dc == c.datacenter && ours != "" && theirs != ours:
		return taken(m, dc, theirs, ours)
	case dc != c.datacenter && theirs == ours:
		return cluster.Errorf(cluster.Conflict, "member %s at %s says that it is of datacenter %s and of this cluster, which is %s", m.Name, m.Addr, dc, c.datacenter)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, other := range c.living {
		if id := other.ClusterID(); name != m.Name && other.Tags[cluster.TagDatacenter] == dc && id != "" && id != theirs {
			return taken(m, dc, theirs, id)
		}
	}
	return nil
}

func taken(m cluster.Member, dc, theirs, other string) error {
	return cluster.Errorf(cluster.Conflict, "member %s at %s belongs to the cluster %s, and datacenter %s is the cluster %s: give one of them another name (datacenter)", m.Name, m.Addr, theirs, dc, other)
}

// follow takes in what happened in the pool.
func (c *claims) follow(e gossip.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Type {
	case gossip.EventJoin, gossip.EventUpdate:
		c.living[e.Member.Name] = e.Member
	case gossip.EventLeave, gossip.EventFail, gossip.EventReap:
		delete(c.living, e.Member.Name)
	}
}
