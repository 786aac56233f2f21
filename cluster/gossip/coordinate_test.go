package gossip

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
)

func someCoordinate() cluster.Coordinate {
	return cluster.Coordinate{Vec: []float64{0.5, 0, 0, 0, 0, 0, 0, -1}, Error: 1.5, Adjustment: -0.25, Height: 0.125}
}

// TestCoordinateBytes holds the form that is spoken between releases.
func TestCoordinateBytes(t *testing.T) {
	zero := "0000000000000000"
	want := "0108" + "3ff8000000000000" + "bfd0000000000000" + "3fc0000000000000" + "3fe0000000000000" + strings.Repeat(zero, 6) + "bff0000000000000"
	b := encodeCoordinate(someCoordinate())
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("a coordinate is\n%s, want\n%s", got, want)
	}
	c, want2 := someCoordinate(), someCoordinate()
	got, err := decodeCoordinate(append(b, "what a newer member adds"...))
	if err != nil || !got.Equal(&want2) {
		t.Errorf("%v became %v, %v", &c, &got, err)
	}
}

func TestDecodeCoordinateRefuses(t *testing.T) {
	with := func(change func(*cluster.Coordinate)) []byte {
		c := someCoordinate()
		change(&c)
		return encodeCoordinate(c)
	}
	whole := encodeCoordinate(someCoordinate())
	for want, b := range map[string][]byte{
		"it ends too early":             nil,
		"form 2 of coordinates":         append([]byte{2}, whole[1:]...),
		"ends too early":                whole[:len(whole)-1],
		"has 3 components":              with(func(c *cluster.Coordinate) { c.Vec = c.Vec[:3] }),
		"exceeds the limit":             with(func(c *cluster.Coordinate) { c.Vec[0] = math.NaN() }),
		"a length in it exceeds the li": with(func(c *cluster.Coordinate) { c.Height = maxSeconds + 1 }),
	} {
		if _, err := decodeCoordinate(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestPlaceIsLearned gives one place a neighbour 10 ms away and holds that the two come to expect that.
func TestPlaceIsLearned(t *testing.T) {
	a, b := newPlace(), newPlace()
	for range 200 {
		for _, pair := range [][2]place{{a, b}, {b, a}} {
			if err := pair[0].learn("other", 10*time.Millisecond, encodeCoordinate(pair[1].now())); err != nil {
				t.Fatal(err)
			}
		}
	}
	at, other := a.now(), b.now()
	if d := at.DistanceTo(&other); d < 8*time.Millisecond || d > 12*time.Millisecond {
		t.Errorf("they expect %v, and measured 10 ms", d)
	}
	if err := at.Validate(); err != nil || at.Error > 1 {
		t.Errorf("coordinate %v, %v", &at, err)
	}
	if err := a.learn("other", time.Hour, encodeCoordinate(b.now())); err == nil {
		t.Error("a round-trip time of an hour was believed")
	}
	if err := a.learn("other", time.Millisecond, []byte("x")); err == nil {
		t.Error("an answer without a coordinate was taken for one")
	}
	if after := a.now(); !at.Equal(&after) {
		t.Errorf("%v became %v through answers that are of no use", &at, &after)
	}
}

// TestMembersFindTheirPlaces holds that probes feed the estimate.
func TestMembersFindTheirPlaces(t *testing.T) {
	all := openAll(t, 3)
	fresh := newPlace().now()
	for _, m := range all {
		eventually(t, m.cfg.Name+" to have measured something", func() bool {
			c := m.Coordinate()
			return !c.Equal(&fresh) && c.Validate() == nil
		})
	}
}

func FuzzCoordinate(f *testing.F) {
	f.Add(encodeCoordinate(someCoordinate()), int64(time.Millisecond))
	f.Add([]byte{1, 8}, int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, rtt int64) {
		p := fresh()
		d := delegate{p}
		for range 3 {
			d.NotifyPingComplete(&memberlist.Node{Name: "n2"}, time.Duration(rtt), b)
		}
		c := p.Coordinate()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		if back, err := decodeCoordinate(d.AckPayload()); err != nil || !back.Equal(&c) {
			t.Fatalf("%v is told as %v, %v", &c, &back, err)
		}
		d.NotifyLeave(&memberlist.Node{Name: "n2"})
	})
}
