package state

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"holdfast/cluster"
)

// Coordinates is every coordinate in the order of the nodes' names.
func (v *View) Coordinates() []*cluster.NodeCoordinate {
	v.r.askSet(setCoordinates)
	return slices.Collect(each[cluster.NodeCoordinate](v.r.txn, tableCoordinates, byID, ""))
}

// Coordinate is the coordinate of a node, nil where there is none.
func (v *View) Coordinate(node string) *cluster.NodeCoordinate {
	c, _ := v.r.ask(tableCoordinates, nodeKey(node)).(*cluster.NodeCoordinate)
	return c
}

// unknownDistance is how far a node is that has no coordinate: farther than any other.
const unknownDistance = time.Duration(math.MaxInt64)

// Nearest is all in the order of the round-trip times expected between the node from and each one's node: the nearest first, those of
// one distance as they were, and those of unknown distance last. A node is nearest to itself. Where from has no coordinate the order
// stays. The slice that it is given is left as it is.
//
// The order is no part of an answer's index: coordinates shift all the time, and nobody is to be woken for that.
func Nearest[T any](v *View, from string, all []T, node func(T) string) []T {
	origin := v.unnotedCoordinate(from)
	if origin == nil {
		return all
	}
	type ranked struct {
		item     T
		distance time.Duration
	}
	ranks := make([]ranked, len(all))
	for i, item := range all {
		ranks[i] = ranked{item, v.distance(origin, node(item))}
	}
	slices.SortStableFunc(ranks, func(a, b ranked) int { return cmp.Compare(a.distance, b.distance) })
	sorted := make([]T, len(all))
	for i, r := range ranks {
		sorted[i] = r.item
	}
	return sorted
}

// Origin is the name of the node that a client means with near: with "_agent" that of the agent that it asks, with "_ip" the first node whose
// address the client has, else the one that near names. "" is none. Like the order, it is no part of an answer's index.
func (v *View) Origin(near, agent string, client netip.Addr) string {
	switch near {
	case "_agent":
		return agent
	case "_ip":
		if n := first[cluster.Node](v.r.txn, tableNodes, byAddress, addrKey(client)); n != nil && client.IsValid() {
			return n.Name
		}
		return ""
	}
	return near
}

func (v *View) unnotedCoordinate(node string) *cluster.NodeCoordinate {
	return found[cluster.NodeCoordinate](v.r.txn, tableCoordinates, nodeKey(node))
}

func (v *View) distance(from *cluster.NodeCoordinate, node string) time.Duration {
	if sameFold(from.Node, node) {
		return 0
	}
	if c := v.unnotedCoordinate(node); c != nil {
		return from.Coordinate.DistanceTo(&c.Coordinate)
	}
	return unknownDistance
}
