package state

import (
	"strings"

	"holdfast/cluster"
)

// putCheck stores a check, unless it says nothing new. A critical check ends the sessions that depend on it.
func (w *writer) putCheck(c *cluster.Check) {
	had := found[cluster.Check](w.txn, tableChecks, onNode(c.Node, c.ID))
	c.CreateIndex, c.ModifyIndex = w.index, w.index
	if had != nil {
		if had.Equal(c) {
			return
		}
		c.CreateIndex = had.CreateIndex
		w.touchCheck(had)
	}
	w.put(tableChecks, c)
	w.touchCheck(c)
	if c.Status == cluster.Critical {
		w.endSessionsOfCheck(c)
	}
}

func (w *writer) deleteCheck(c *cluster.Check) {
	w.remove(tableChecks, c)
	w.touchCheck(c)
	if node := strings.ToLower(c.Node); first[cluster.Check](w.txn, tableChecks, byID, below(node)) == nil {
		w.close(ofNodeChecks + node)
	}
	w.endSessionsOfCheck(c)
}

// touchCheck moves the index of every set that a check is in: a check of a node bears on all services there.
func (w *writer) touchCheck(c *cluster.Check) {
	w.touch(setChecks)
	w.touch(ofStatus + string(c.Status))
	w.touch(ofNodeChecks + strings.ToLower(c.Node))
	if c.ServiceID == "" {
		w.touchServicesOn(c.Node)
	} else {
		w.touch(ofService + strings.ToLower(c.ServiceName))
	}
}
