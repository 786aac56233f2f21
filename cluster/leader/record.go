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

// registration is what the catalog should hold of a member.
func registration(m cluster.Member, status cluster.Status, datacenter string) *cluster.Register {
	ip := m.Addr.Addr().String()
	tagged := map[string]string{"lan": ip, "wan": ip}
	if m.Addr.Addr().Is4() {
		tagged["lan_ipv4"], tagged["wan_ipv4"] = ip, ip
	} else {
		tagged["lan_ipv6"], tagged["wan_ipv6"] = ip, ip
	}
	cmd := &cluster.Register{
		Node: cluster.Node{ID: m.Tags[cluster.TagID], Name: m.Name, Address: ip, Datacenter: datacenter, TaggedAddresses: tagged},
		Checks: []*cluster.Check{{
			Node: m.Name, ID: cluster.SerfHealth, Name: cluster.SerfHealthName, Status: status, Output: outputAlive,
		}},
	}
	if status != cluster.Passing {
		cmd.Checks[0].Output = outputFailed
	}
	if m.IsServer() {
		cmd.Service = &cluster.Service{
			Node: m.Name, ID: consulService, Name: consulService, Port: int(m.RPCPort()), Weights: cluster.DefaultWeights,
			Meta: map[string]string{"version": m.Tags[cluster.TagBuild]},
		}
	}
	return cmd
}

// current reports whether the catalog already holds what cmd says. What an agent writes of its own node (metadata, tagged
// addresses) is the agent's: cmd then leaves the node alone.
func current(view *state.View, old *cluster.Node, cmd *cluster.Register) bool {
	if old == nil {
		return false
	}
	same := old.ID == cmd.Node.ID && old.Address == cmd.Node.Address
	if same {
		cmd.SkipNodeUpdate = true
	} else {
		cmd.Node.Meta = maps.Clone(old.Meta)
	}
	if s := cmd.Service; s != nil {
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
