package cluster

import "testing"

// TestTogether holds how many voters may fail: those who are not well have failed already, and who has no vote does not count.
func TestTogether(t *testing.T) {
	well, sick, guest := ServerHealth{Voter: true, Healthy: true}, ServerHealth{Voter: true}, ServerHealth{Healthy: true}
	for _, tt := range []struct {
		servers   []ServerHealth
		healthy   bool
		tolerance int
	}{
		{nil, true, 0},
		{[]ServerHealth{well}, true, 0},
		{[]ServerHealth{well, well}, true, 0},
		{[]ServerHealth{well, well, well, guest}, true, 1},
		{[]ServerHealth{well, well, sick}, false, 0},
		{[]ServerHealth{well, sick, sick}, false, 0},
		{[]ServerHealth{well, well, well, well, sick}, false, 1},
	} {
		if healthy, tolerance := Together(tt.servers); healthy != tt.healthy || tolerance != tt.tolerance {
			t.Errorf("%+v: %t, %d, want %t, %d", tt.servers, healthy, tolerance, tt.healthy, tt.tolerance)
		}
	}
}
