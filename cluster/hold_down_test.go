package cluster

import (
	"testing"
	"time"
)

func TestHoldDown(t *testing.T) {
	of := func(d time.Duration) *Group { return &Group{HoldDown: &d} }
	for _, x := range []struct {
		group *Group
		times int
		want  time.Duration
	}{
		{&Group{}, 1, 0},
		{&Group{}, 2, DefaultHoldDown},
		{&Group{}, 4, 4 * DefaultHoldDown},
		{&Group{}, 1000, maxHoldDown},
		{of(0), 1000, 0},
		{of(time.Minute), 3, 2 * time.Minute},
		{of(time.Hour), 1000, time.Hour},
	} {
		if got := x.group.HeldFor(x.times); got != x.want {
			t.Errorf("held for %s after %d falls with %v, want %s", got, x.times, x.group.HoldDown, x.want)
		}
	}
}
