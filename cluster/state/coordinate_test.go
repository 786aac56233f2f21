package state

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"holdfast/cluster"
)

// at is a node whose round-trip time to the origin is x seconds.
func at(node string, x float64) cluster.NodeCoordinate {
	return cluster.NodeCoordinate{Node: node, Coordinate: cluster.Coordinate{Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}, Error: 1.5}}
}

func coordinates(all ...cluster.NodeCoordinate) *cluster.UpdateCoordinates {
	return &cluster.UpdateCoordinates{Updates: all}
}

func TestCoordinateLivesAsLongAsItsNode(t *testing.T) {
	w := newWorld(t)
	w.do(coordinates(at("n1", 1)))
	if got := w.View().Coordinates(); len(got) != 0 {
		t.Fatalf("a coordinate of a node that does not exist: %+v", got)
	}
	w.do(node("n1"))
	w.do(coordinates(at("N1", 1), at("n9", 1)))
	c := w.View().Coordinate("n1")
	if c == nil || c.Node != "n1" || c.Coordinate.Vec[0] != 1 || c.CreateIndex != w.index {
		t.Fatalf("coordinate %+v", c)
	}
	created := w.index
	w.do(coordinates(at("n1", 2)))
	if c := w.View().Coordinate("n1"); c.Coordinate.Vec[0] != 2 || c.CreateIndex != created || c.ModifyIndex != w.index {
		t.Errorf("changed coordinate %+v", c)
	}
	w.do(&cluster.Deregister{Node: "n1"})
	if c := w.View().Coordinate("n1"); c != nil {
		t.Errorf("coordinate of a node that is gone: %+v", c)
	}
	w.do(node("n1"))
	if c := w.View().Coordinate("n1"); c != nil {
		t.Errorf("a node that came back has its former coordinate: %+v", c)
	}
}

func TestUpdateCoordinatesRefuses(t *testing.T) {
	w := settled(t)
	short := at("n2", 1)
	short.Coordinate.Vec = short.Coordinate.Vec[:3]
	w.refused(coordinates(at("n1", 5), short), cluster.Invalid, "Incompatible coordinate: its Vec has 3 components")
	w.refused(coordinates(at("n1", math.NaN())), cluster.Invalid, "Invalid coordinate: Vec[0] is NaN")
	w.refused(coordinates(at("", 1)), cluster.Invalid, "Must provide node")
}

func TestNearest(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"n1", "n2", "n3", "n4", "n5"} {
		w.do(node(n))
	}
	self := at("n1", 0.010)
	self.Coordinate.Height = 0.5 // the way to the network, which it does not need to itself
	w.do(coordinates(self, at("n2", 0.030), at("n3", 0.020), at("n4", 0.020)))
	given := []string{"n5", "n4", "n2", "n3", "N1", "unknown"}
	for from, want := range map[string]string{
		"n1":   "N1 n4 n3 n2 n5 unknown",
		"N2":   "n2 n4 n3 N1 n5 unknown",
		"n5":   "n5 n4 n2 n3 N1 unknown", // it has no coordinate
		"none": "n5 n4 n2 n3 N1 unknown",
	} {
		v := w.WatchView()
		before := slices.Clone(given)
		got := strings.Join(Nearest(v, from, given, func(n string) string { return n }), " ")
		if !strings.EqualFold(got, want) {
			t.Errorf("nearest to %s: %s, want %s", from, got, want)
		}
		if !slices.Equal(before, given) {
			t.Errorf("nearest to %s changed what it was given: %v", from, given)
		}
		if len(v.r.watches) != 0 || v.Index() != 1 {
			t.Error("the order is part of the answer's index")
		}
	}
}

func TestOrigin(t *testing.T) {
	w := settled(t)
	for _, c := range []struct{ near, client, want string }{
		{"", "10.0.0.2", ""},
		{"n5", "10.0.0.2", "n5"},
		{"_agent", "10.0.0.2", "n1"},
		{"_ip", "10.0.0.2", "n2"},
		{"_ip", "::ffff:10.0.0.2", "n2"},
		{"_ip", "10.0.0.99", ""},
		{"_ip", "", ""},
	} {
		v := w.WatchView()
		client, _ := netip.ParseAddr(c.client)
		if got := v.Origin(c.near, "n1", client); got != c.want || v.Index() != 1 {
			t.Errorf("near %q of %q: %q at index %d, want %q", c.near, c.client, got, v.Index(), c.want)
		}
	}
}

func BenchmarkNearest(b *testing.B) {
	w := newWorld(b)
	var all []string
	for i := range 300 {
		all = append(all, fmt.Sprint("n", i))
		w.do(node(all[i]))
		w.do(coordinates(at(all[i], float64((i*7919)%300))))
	}
	v := w.View()
	for b.Loop() {
		Nearest(v, "n5", all, func(n string) string { return n })
	}
}
