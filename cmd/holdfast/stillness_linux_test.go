package main

import (
	"testing"
	"time"
)

func TestStillness(t *testing.T) {
	at := time.Unix(1000, 0)
	s := &stillness{cancel: func() {}, last: at}
	for _, d := range []time.Duration{5, 10, 970, 975} { // ms
		s.see(at.Add(d * time.Millisecond))
	}
	if s.most != 955*time.Millisecond {
		t.Errorf("it stood still for %s, want 955ms", s.most)
	}
	for _, x := range []struct{ from, to, want time.Duration }{{0, 1000, 955}, {0, 15, 0}, {100, 200, 100}, {900, 2000, 70}, {970, 2000, 0}} {
		if got := s.within(at.Add(x.from*time.Millisecond), at.Add(x.to*time.Millisecond)); got != x.want*time.Millisecond {
			t.Errorf("between %d and %d ms it stood still for %s, want %d ms", x.from, x.to, got, x.want)
		}
	}
	quick := watchStillness(t.Context())
	if d := quick.end(); d > 10*time.Second {
		t.Errorf("a moment was %s", d)
	}
}
