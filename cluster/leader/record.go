package leader

import (
	"maps"
	"strconv"

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

// registration is what the catalog should hold of a live member. A node that is there already stays as it is: what its agent has said of it
// since the leader's look at the catalog counts for more.
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
		Node:           cluster.Node{ID: m.Tags[cluster.TagID], Name: m.Name, Address: addr, Datacenter: datacenter, TaggedAddresses: tagged},
		SkipNodeUpdate: true,
		Checks:         []*cluster.Check{health(m.Name, cluster.Passing)},
	}
	if m.IsServer() {
		cmd.Service = &cluster.Service{
			Node: m.Name, ID: consulService, Name: consulService, Port: int(m.RPCPort()), Weights: cluster.DefaultWeights,
			Meta: serverMeta(m),
		}
	}
	return cmd
}

// serverMeta is what Consul's leader says of a server in its record. The gossip versions are those that its members show.
func serverMeta(m cluster.Member) map[string]string {
	mute := strconv.FormatBool(m.Tags[cluster.TagNonVoter] != "")
	return map[string]string{
		"version": m.CompatVersion(), "raft_version": "3", "non_voter": mute, "read_replica": mute,
		"serf_protocol_current": "2", "serf_protocol_min": "1", "serf_protocol_max": "5",
	}
}

// health is the node check that the leader keeps.
func health(node string, status cluster.Status) *cluster.Check {
	c := &cluster.Check{Node: node, ID: cluster.SerfHealth, Name: cluster.SerfHealthName, Status: status, Output: outputAlive}
	if status != cluster.Passing {
		c.Output = outputFailed
	}
	return c
}

// moved is the record of a node that has changed its address or got its ID, with what its agent keeps of it.
func moved(old *cluster.Node, to cluster.Node) cluster.Node {
	to.Meta, to.Locality, to.ModifyIndex = maps.Clone(old.Meta), old.Locality, old.ModifyIndex
	return to
}

// current reports whether the catalog already holds what cmd says of the service and the health of a node that is there.
func current(view *state.View, old *cluster.Node, cmd *cluster.Register) bool {
	if s := cmd.Service; s != nil {
		s.Node = old.Name // as the state writes it
		if have := view.NodeService(old.Name, s.ID); have == nil || !have.Equal(s) {
			return false
		}
	}
	return healthCurrent(view, cmd.Checks[0])
}

func healthCurrent(view *state.View, want *cluster.Check) bool {
	for _, c := range view.NodeChecks(want.Node) {
		if c.ID == want.ID {
			return c.Status == want.Status
		}
	}
	return false
}
