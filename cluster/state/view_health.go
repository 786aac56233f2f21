package state

import (
	"slices"
	"strings"

	"holdfast/cluster"
)

// AnyStatus asks ChecksInState for every check.
const AnyStatus cluster.Status = "any"

// NodeChecks is every check on a node, those of its instances too, in the order of their IDs.
func (v *View) NodeChecks(node string) []*cluster.Check {
	v.r.askSet(ofNodeChecks + strings.ToLower(node))
	return slices.Collect(each[cluster.Check](v.r.txn, tableChecks, byID, below(strings.ToLower(node))))
}

// NodeCheck is one check on a node, nil where there is none.
func (v *View) NodeCheck(node, id string) *cluster.Check {
	v.r.askSet(ofNodeChecks + strings.ToLower(node))
	return found[cluster.Check](v.r.txn, tableChecks, onNode(node, id))
}

// ServiceChecks is every check of the instances of a service, without those of their nodes, in the order of nodes and IDs.
func (v *View) ServiceChecks(service string) []*cluster.Check {
	service = strings.ToLower(service)
	v.r.askSet(ofService + service)
	return slices.Collect(each[cluster.Check](v.r.txn, tableChecks, byService, below(service)))
}

// ChecksInState is every check in a state, or with AnyStatus every check, in the order of nodes and IDs.
func (v *View) ChecksInState(status cluster.Status) []*cluster.Check {
	if status == AnyStatus {
		v.r.askSet(setChecks)
		return slices.Collect(each[cluster.Check](v.r.txn, tableChecks, byID, ""))
	}
	v.r.askSet(ofStatus + string(status))
	return slices.Collect(each[cluster.Check](v.r.txn, tableChecks, byStatus, below(string(status))))
}
