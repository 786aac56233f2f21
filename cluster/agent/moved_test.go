package agent

import (
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// TestMoved holds when a member tells its coordinate again.
func TestMoved(t *testing.T) {
	place := func(x float64) cluster.Coordinate {
		return cluster.Coordinate{Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}, Error: 0.5}
	}
	s := state.New()
	for i, cmd := range []cluster.Command{
		&cluster.Register{Node: cluster.Node{Name: "n1", Address: "10.0.0.1"}},
		&cluster.Register{Node: cluster.Node{Name: "new", Address: "10.0.0.2"}},
		&cluster.Register{Node: cluster.Node{Name: "near", Address: "10.0.0.3"}},
		&cluster.Register{Node: cluster.Node{Name: "far", Address: "10.0.0.4"}},
		&cluster.UpdateCoordinates{Updates: []cluster.NodeCoordinate{
			{Node: "n1", Coordinate: place(0)}, {Node: "near", Coordinate: place(0.001)}, {Node: "far", Coordinate: place(-0.100)},
		}},
	} {
		if r := s.Apply([]state.Entry{{Index: uint64(i + 1), Time: time.Unix(0, 0), Command: cmd}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	unsure, sure := place(0), place(0)
	unsure.Error, sure.Error = 1.5, 0.2
	for _, c := range []struct {
		name string
		node string
		now  cluster.Coordinate
		want bool
	}{
		{"a node that the catalog does not have", "unknown", place(0), false},
		{"a node without a coordinate", "new", place(0), true},
		{"where it was", "n1", place(0), false},
		{"a little aside", "n1", place(0.0002), false},
		{"a quarter nearer to one", "n1", place(0.0003), true},
		{"less certain of the same place", "n1", unsure, false},
		{"more certain of the same place", "n1", sure, true},
		{"far away", "n1", place(1), true},
		{"far from all, a little aside", "far", place(-0.110), false},
		{"far from all, farther", "far", place(-0.120), true},
	} {
		if got := moved(s.View(), c.node, &c.now); got != c.want {
			t.Errorf("%s: moved %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCoordinatePause(t *testing.T) {
	for _, c := range []struct {
		members, streak int
		want            time.Duration
	}{
		{3, 0, 15 * time.Second},
		{3, 1, 15 * time.Second},
		{3, 2, 30 * time.Second},
		{3, 4, 2 * time.Minute},
		{3, 1000, 2 * time.Minute},
		{960, 0, 15 * time.Second},
		{1920, 0, 30 * time.Second},
	} {
		if got := coordinatePause(c.members, c.streak); got != c.want {
			t.Errorf("%d members, moved %d times in a row: %v, want %v", c.members, c.streak, got, c.want)
		}
	}
}
