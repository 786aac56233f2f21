package leader

import (
	"maps"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// The outputs of the node check serfHealth. They are Consul's.
const (
	outputAlive  = "Agent alive and reachable"
	outputFailed = "Agent not live or unreachable"
)

// consulService is the service under which the servers themselves stand in the catalog.
const consulService = "consul"

// registration is what the catalog should hold of a live member.
func registration(m cluster.Member, datacenter string) *cluster.Register {
	ip := m.Addr.Addr().Unmap()
	addr := ip.String()
	tagged := map[string]string{"lan": addr, "wan": addr}
	if ip.Is4() {
		tagged["lan_ipv4"], tagged["wan_ipv4"] = addr, addr
	} else {
		tagged["lan_ipv6"], tagged["wan_ipv6"] = addr, addr
	}
	cmd := &cluster.Register{
		Node:   cluster.Node{ID: m.Tags[cluster.TagID], Name: m.Name, Address: addr, Datacenter: datacenter, TaggedAddresses: tagged},
		Checks: []*cluster.Check{health(m.Name, cluster.Passing)},
	}
	if m.IsServer() {
		cmd.Service = &cluster.Service{
			Node: m.Name, ID: consulService, Name: consulService, Port: int(m.RPCPort()), Weights: cluster.DefaultWeights,
			Meta: map[string]string{"version": m.Tags[cluster.TagBuild]},
		}
	}
	return cmd
}

// health is the node check that the leader keeps.
func health(node string, status cluster.Status) *cluster.Check {
	c := &cluster.Check{Node: node, ID: cluster.SerfHealth, Name: cluster.SerfHealthName, Status: status, Output: outputAlive}
	if status != cluster.Passing {
		c.Output = outputFailed
	}
	return c
}

// current reports whether the catalog already holds what cmd says, and leaves out of cmd what the agent keeps itself: the metadata
// and tagged addresses of its node.
func current(view *state.View, old *cluster.Node, cmd *cluster.Register) bool {
	if old == nil {
		cmd.SkipNodeUpdate = true // its agent may have registered it since the look at the catalog: what it says stays
		return false
	}
	same := old.ID == cmd.Node.ID && old.Address == cmd.Node.Address
	if same {
		cmd.SkipNodeUpdate = true
	} else {
		cmd.Node.Meta, cmd.Node.Locality = maps.Clone(old.Meta), old.Locality
	}
	if s := cmd.Service; s != nil {
		s.Node = old.Name // as the state writes it
		have := view.NodeService(cmd.Node.Name, s.ID)
		same = same && have != nil && have.Equal(s)
	}
	return same && healthCurrent(view, cmd.Checks[0])
}

func healthCurrent(view *state.View, want *cluster.Check) bool {
	for _, c := range view.NodeChecks(want.Node) {
		if c.ID == want.ID {
			return c.Status == want.Status
		}
	}
	return false
}
