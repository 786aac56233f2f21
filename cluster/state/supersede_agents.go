package state

import (
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// keepAgents keeps what the catalog says of nodes on which an agent runs. The agent is the authority for its node, its services and
// its checks: whatever a snapshot says of them, it would write the present state again (anti-entropy). Until it has, an address would be
// moved, or a name be answered, by a check result of the past. A node in the snapshot whose agent is not a member now is critical until
// it comes back.
func (m *merge) keepAgents() {
	for n := range each[cluster.Node](m.was, tableNodes, byID, "") {
		if m.hasAgent(m.was, n) {
			m.keepNode(n)
		}
	}
	for n := range each[cluster.Node](m.txn, tableNodes, byID, "") {
		if m.hasAgent(m.txn, n) && found[cluster.Node](m.was, tableNodes, nodeKey(n.Name)) == nil {
			lost := *found[cluster.Check](m.txn, tableChecks, onNode(n.Name, cluster.SerfHealth))
			lost.Status, lost.Output = cluster.Critical, "Restored from a snapshot; the agent has not joined since"
			m.putCheck(&lost)
		}
	}
}

// hasAgent reports whether an agent runs, or ran, on a node.
func (*merge) hasAgent(txn *table.Txn, n *cluster.Node) bool {
	return found[cluster.Check](txn, tableChecks, onNode(n.Name, cluster.SerfHealth)) != nil
}

// keepNode makes the snapshot's record of a node what it was until now. Sessions of the snapshot live on where their checks are there and
// pass.
func (m *merge) keepNode(n *cluster.Node) {
	for _, other := range []*cluster.Node{found[cluster.Node](m.txn, tableNodes, nodeKey(n.Name)), nodeByUUID(m.txn, n.ID)} {
		if other != nil && n.ID != "" && (!sameFold(other.ID, n.ID) || !sameFold(other.Name, n.Name)) {
			m.deleteNode(other) // another machine's, or this one's under its former name
		}
	}
	kept := *n
	m.putNode(found[cluster.Node](m.txn, tableNodes, nodeKey(n.Name)), &kept)
	if c := found[cluster.NodeCoordinate](m.was, tableCoordinates, nodeKey(n.Name)); c != nil {
		m.putCoordinate(*c)
	}
	name := strings.ToLower(n.Name)
	for s := range each[cluster.Service](m.was, tableServices, byID, below(name)) {
		kept := *s
		m.putService(&kept)
	}
	for c := range each[cluster.Check](m.was, tableChecks, byID, below(name)) {
		kept := *c
		m.putCheck(&kept)
	}
	for s := range each[cluster.Service](m.txn, tableServices, byID, below(name)) {
		if found[cluster.Service](m.was, tableServices, onNode(n.Name, s.ID)) == nil {
			m.deleteService(s)
		}
	}
	for c := range each[cluster.Check](m.txn, tableChecks, byID, below(name)) {
		if found[cluster.Check](m.was, tableChecks, onNode(n.Name, c.ID)) == nil {
			m.deleteCheck(c)
		}
	}
}
