package witness

import (
	"net/netip"
	"testing"
	"time"
)

// TestJudge reads a record of a move with a gap and a second owner that no client heard.
func TestJudge(t *testing.T) {
	rec := Record{
		VIP:    netip.MustParseAddr("10.77.0.100"),
		Began:  time.Unix(1, 0),
		Ended:  time.Second,
		Client: []Ask{by("n1", 0, 1), asked(3, -1), by("n2", 99, 1), asked(990, -1)},
		Rounds: []Ask{asked(0, -1), asked(3, -1), asked(9, -1)},
		Tracks: []Track{series("n1", w(0, 200)), series("n2", w(100, 300)), series("n3")},
	}
	r := rec.Judge(testRules)
	if r.VIP != rec.VIP || r.Began != rec.Began || r.Took != time.Second {
		t.Errorf("the report is of %s, %s, %s", r.VIP, r.Began, r.Took)
	}
	if r.Asked != 3 || r.Answered != 2 || r.Outage != 99*time.Millisecond {
		t.Errorf("asked %d, answered %d, outage %s, want 3 (the last is too young), 2 and 99 ms", r.Asked, r.Answered, r.Outage)
	}
	if r.Two != 96*time.Millisecond || len(r.Serving) != 2 {
		t.Errorf("two at once for %s, served by %v, want 96 ms, and n3 left out", r.Two, r.Serving)
	}
	if r.Period != 6*time.Millisecond || r.Resolution != 6*time.Millisecond {
		t.Errorf("asked every %s, at most %s apart", r.Period, r.Resolution)
	}
}
