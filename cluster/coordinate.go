package cluster

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// CoordinateDimensions is how many components the vector of a Coordinate has. Members can only compare coordinates of one kind.
const CoordinateDimensions = 8

// Coordinate is where a node is in a space in which distances are round-trip times (Vivaldi, Dabek et al., SIGCOMM 2004, with the height
// and the adjustment that serf adds). All of it is in seconds but for Error, which has no unit. The zero value is none.
type Coordinate struct {
	Vec        []float64 // CoordinateDimensions components
	Error      float64   // how much the node trusts it: 1.5 at first, towards 0
	Adjustment float64   // what distances of late were off by
	Height     float64   // the part of every distance that no neighbour explains: the way to the network
}

// Validate says in one sentence what is wrong with the coordinate, or returns nil.
func (c *Coordinate) Validate() error {
	if len(c.Vec) != CoordinateDimensions {
		return Errorf(Invalid, "Incompatible coordinate: its Vec has %d components, want %d", len(c.Vec), CoordinateDimensions)
	}
	for i, x := range c.Vec {
		if !finite(x) {
			return Errorf(Invalid, "Invalid coordinate: Vec[%d] is %v, want a finite number", i, x)
		}
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"Error", c.Error}, {"Adjustment", c.Adjustment}, {"Height", c.Height}} {
		if !finite(f.value) {
			return Errorf(Invalid, "Invalid coordinate: %s is %v, want a finite number", f.name, f.value)
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }

// Equal reports whether two coordinates say the same.
func (c *Coordinate) Equal(o *Coordinate) bool {
	return slices.Equal(c.Vec, o.Vec) && c.Error == o.Error && c.Adjustment == o.Adjustment && c.Height == o.Height
}

// DistanceTo is the round-trip time that two coordinates expect. Both are of CoordinateDimensions, as Validate sees to.
func (c *Coordinate) DistanceTo(o *Coordinate) time.Duration {
	sum := 0.0
	for i := range min(len(c.Vec), len(o.Vec)) {
		d := c.Vec[i] - o.Vec[i]
		sum += d * d
	}
	seconds := math.Sqrt(sum) + c.Height + o.Height
	if adjusted := seconds + c.Adjustment + o.Adjustment; adjusted > 0 {
		seconds = adjusted
	}
	return time.Duration(min(max(seconds, 0)*float64(time.Second), math.MaxInt64/2))
}

// String is the coordinate as logs show it.
func (c *Coordinate) String() string {
	return fmt.Sprintf("%.6f error %.3f adjustment %.6f height %.6f", c.Vec, c.Error, c.Adjustment, c.Height)
}

// NodeCoordinate is the coordinate of a node as the catalog holds it. One that a View hands out is shared and must not be changed.
type NodeCoordinate struct {
	Node       string // the name of the node
	Coordinate Coordinate

	CreateIndex, ModifyIndex uint64
}

// Validate says in one sentence what is wrong with it, or returns nil.
func (n *NodeCoordinate) Validate() error {
	if n.Node == "" {
		return Errorf(Invalid, "Must provide node: the field Node of a coordinate is empty")
	}
	return n.Coordinate.Validate()
}
