package state

import "holdfast/cluster"

// updateCoordinates stores the coordinates that say something new about nodes that exist.
func (w *writer) updateCoordinates(c *cluster.UpdateCoordinates) error {
	for i := range c.Updates {
		if err := c.Updates[i].Validate(); err != nil {
			return err
		}
	}
	for i := range c.Updates {
		if n := found[cluster.Node](w.txn, tableNodes, nodeKey(c.Updates[i].Node)); n != nil {
			w.putCoordinate(cluster.NodeCoordinate{Node: n.Name, Coordinate: c.Updates[i].Coordinate})
		}
	}
	return nil
}

func (w *writer) putCoordinate(c cluster.NodeCoordinate) {
	had := w.coordinate(c.Node)
	c.CreateIndex, c.ModifyIndex = w.index, w.index
	if had != nil {
		if sameCoordinate(had, &c) {
			return
		}
		c.CreateIndex = had.CreateIndex
	}
	w.unbury(tableCoordinates, nodeKey(c.Node))
	w.put(tableCoordinates, &c)
	w.touch(setCoordinates)
}

// deleteCoordinate deletes the coordinate of a node that goes.
func (w *writer) deleteCoordinate(node string) {
	if c := w.coordinate(node); c != nil {
		w.remove(tableCoordinates, c)
		w.bury(tableCoordinates, nodeKey(node))
		w.touch(setCoordinates)
	}
}

func (w *writer) coordinate(node string) *cluster.NodeCoordinate {
	return found[cluster.NodeCoordinate](w.txn, tableCoordinates, nodeKey(node))
}

func sameCoordinate(a, b *cluster.NodeCoordinate) bool {
	return a.Node == b.Node && a.Coordinate.Equal(&b.Coordinate)
}
