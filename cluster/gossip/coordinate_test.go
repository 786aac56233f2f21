package gossip

import (
	"testing"
	"time"

	"holdfast/cluster/gossip/message"
)

// TestPlaceIsLearned gives one place a neighbour 10 ms away and holds that the two come to expect that.
func TestPlaceIsLearned(t *testing.T) {
	a, b := newPlace(), newPlace()
	for range 200 {
		for _, pair := range [][2]place{{a, b}, {b, a}} {
			if err := pair[0].learn("other", 10*time.Millisecond, message.EncodeCoordinate(pair[1].now())); err != nil {
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
	if err := a.learn("other", time.Hour, message.EncodeCoordinate(b.now())); err == nil {
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
