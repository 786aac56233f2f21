package local

import (
	"testing"
	"time"

	"holdfast/cluster"
)

// TestOutputBounds holds what the agent makes of a check's own output_max_size.
func TestOutputBounds(t *testing.T) {
	for _, x := range []struct{ agent, check, want int }{{0, 0, 0}, {0, 7, 7}, {5, 0, 5}, {5, 3, 3}, {5, 7, 5}} {
		o := Options{OutputMaxSize: x.agent}
		if got := o.bound(cluster.CheckDefinition{OutputMaxSize: x.check}).OutputMaxSize; got != x.want {
			t.Errorf("an agent with %d keeps %d of a check with %d, want %d", x.agent, got, x.check, x.want)
		}
	}
}

// TestTurns holds that checks which begin together begin one after the other, and that one alone waits for nobody.
func TestTurns(t *testing.T) {
	r, now := &Registry{}, time.Now()
	for i := range 1000 {
		if got, want := r.turnLocked(now), time.Duration(i)*apart; got != want {
			t.Fatalf("check %d waits %s, want %s", i, got, want)
		}
	}
	if got := r.turnLocked(now.Add(time.Minute)); got != 0 {
		t.Errorf("a minute later one waits %s", got)
	}
}
