package message

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"holdfast/cluster"
)

func someCoordinate() cluster.Coordinate {
	return cluster.Coordinate{Vec: []float64{0.5, 0, 0, 0, 0, 0, 0, -1}, Error: 1.5, Adjustment: -0.25, Height: 0.125}
}

// TestCoordinateBytes holds the form that is spoken between releases.
func TestCoordinateBytes(t *testing.T) {
	zero := "0000000000000000"
	want := "0108" + "3ff8000000000000" + "bfd0000000000000" + "3fc0000000000000" + "3fe0000000000000" + strings.Repeat(zero, 6) + "bff0000000000000"
	b := EncodeCoordinate(someCoordinate())
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("a coordinate is\n%s, want\n%s", got, want)
	}
	c, want2 := someCoordinate(), someCoordinate()
	got, err := DecodeCoordinate(append(b, "what a newer member adds"...))
	if err != nil || !got.Equal(&want2) {
		t.Errorf("%v became %v, %v", &c, &got, err)
	}
}

func TestDecodeCoordinateRefuses(t *testing.T) {
	with := func(change func(*cluster.Coordinate)) []byte {
		c := someCoordinate()
		change(&c)
		return EncodeCoordinate(c)
	}
	whole := EncodeCoordinate(someCoordinate())
	for want, b := range map[string][]byte{
		"it ends too early":             nil,
		"form 2 of coordinates":         append([]byte{2}, whole[1:]...),
		"ends too early":                whole[:len(whole)-1],
		"has 3 components":              with(func(c *cluster.Coordinate) { c.Vec = c.Vec[:3] }),
		"exceeds the limit":             with(func(c *cluster.Coordinate) { c.Vec[0] = math.NaN() }),
		"a length in it exceeds the li": with(func(c *cluster.Coordinate) { c.Height = maxSeconds + 1 }),
	} {
		if _, err := DecodeCoordinate(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
