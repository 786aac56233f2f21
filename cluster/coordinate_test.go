package cluster

import (
	"math"
	"strings"
	"testing"
	"time"
)

func flat(x, height, adjustment float64) Coordinate {
	return Coordinate{Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}, Height: height, Adjustment: adjustment}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b Coordinate
		want time.Duration
	}{
		{"one place", flat(0, 0, 0), flat(0, 0, 0), 0},
		{"apart", flat(-0.01, 0, 0), flat(0.02, 0, 0), 30 * time.Millisecond},
		{"with heights", flat(0, 0.001, 0), flat(0.01, 0.002, 0), 13 * time.Millisecond},
		{"adjusted", flat(0, 0, -0.004), flat(0.01, 0, 0.001), 7 * time.Millisecond},
		{"an adjustment below zero counts for nothing", flat(0, 0, -1), flat(0.01, 0, 0), 10 * time.Millisecond},
		{"heights below zero", flat(0, -1, 0), flat(0, -1, 0), 0},
		{"as far as it goes", flat(-math.MaxFloat64, 0, 0), flat(math.MaxFloat64, 0, 0), math.MaxInt64 / 2},
		{"without a vector", Coordinate{}, flat(1, 0, 0), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, got := range []time.Duration{c.a.DistanceTo(&c.b), c.b.DistanceTo(&c.a)} {
				if (got - c.want).Abs() > time.Microsecond {
					t.Errorf("distance %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestCoordinateValidate(t *testing.T) {
	with := func(change func(*Coordinate)) Coordinate {
		c := flat(1, 1, 1)
		change(&c)
		return c
	}
	for want, c := range map[string]Coordinate{
		"":                        flat(1, 1, 1),
		"Vec has 0 components":    {},
		"Vec has 9 components":    with(func(c *Coordinate) { c.Vec = append(c.Vec, 1) }),
		"Vec[7] is NaN":           with(func(c *Coordinate) { c.Vec[7] = math.NaN() }),
		"Error is +Inf":           with(func(c *Coordinate) { c.Error = math.Inf(1) }),
		"Adjustment is -Inf":      with(func(c *Coordinate) { c.Adjustment = math.Inf(-1) }),
		"Height is NaN":           with(func(c *Coordinate) { c.Height = math.NaN() }),
		"the field Node of a coo": {},
	} {
		n := NodeCoordinate{Node: "n1", Coordinate: c}
		if strings.Contains(want, "Node") {
			n.Node = ""
		}
		err := n.Validate()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || CodeOf(err) != Invalid) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
