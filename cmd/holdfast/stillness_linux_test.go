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
	quick := watchStillness(t.Context())
	if d := quick.end(); d > 10*time.Second {
		t.Errorf("a moment was %s", d)
	}
}
