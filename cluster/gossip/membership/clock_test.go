package membership

import (
	"testing"

	"holdfast/cluster/gossip/message"
)

func TestClock(t *testing.T) {
	var c clock
	if c.tick() != 1 || !c.witness(10) || c.tick() != 11 || !c.witness(3) || c.tick() != 12 {
		t.Errorf("clock at %d", c.now)
	}
	if c.witness(12+maxAhead+1) || c.now != 12 || !c.witness(12+maxAhead) {
		t.Errorf("clock at %d", c.now)
	}
	if c.witness(^message.Time(0)) {
		t.Error("the end of time is believed")
	}
}
