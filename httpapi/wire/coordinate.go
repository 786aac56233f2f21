package wire

import "holdfast/cluster"

// Coordinate is where a node is among the others.
type Coordinate struct {
	Vec        []float64
	Error      float64
	Adjustment float64
	Height     float64
}

// FromCoordinate is a coordinate as it is shown.
func FromCoordinate(c cluster.Coordinate) Coordinate { return Coordinate(c) }
