package state

import (
	"strings"

	"holdfast/cluster"
)

// deregister deletes an instance, else a check, else a node, as far as it is named. What does not exist is no error.
func (w *writer) deregister(c *cluster.Deregister) error {
	switch {
	case c.Node == "":
		return cluster.Errorf(cluster.Invalid, "Must provide node: the field Node is empty")
	case c.ServiceID != "":
		if s := found[cluster.Service](w.txn, tableServices, onNode(c.Node, c.ServiceID)); s != nil {
			w.deleteService(s)
		}
	case c.CheckID != "":
		if k := found[cluster.Check](w.txn, tableChecks, onNode(c.Node, c.CheckID)); k != nil {
			w.deleteCheck(k)
		}
	default:
		if n := found[cluster.Node](w.txn, tableNodes, nodeKey(c.Node)); n != nil {
			w.deleteNode(n)
		}
	}
	return nil
}

// deleteNode deletes a node with its sessions, instances, checks and coordinate.
func (w *writer) deleteNode(n *cluster.Node) {
	name := strings.ToLower(n.Name)
	for s := range each[cluster.Session](w.txn, tableSessions, byNode, below(name)) {
		w.endSession(s)
	}
	for s := range each[cluster.Service](w.txn, tableServices, byID, below(name)) {
		w.deleteService(s)
	}
	for c := range each[cluster.Check](w.txn, tableChecks, byID, below(name)) {
		w.deleteCheck(c)
	}
	w.deleteCoordinate(n.Name)
	w.remove(tableNodes, n)
	w.touch(setNodes)
	w.close(ofNode + name)
}
