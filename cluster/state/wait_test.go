package state

import (
	"context"
	"testing"
)

func TestWaitAny(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, mostCases, mostCases + 1, 2 * mostCases} {
		channels := make([]<-chan struct{}, n)
		for i := range channels {
			channels[i] = make(chan struct{})
		}
		last := make(chan struct{})
		channels[n-1] = last
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			waitAny(ctx, channels)
		}()
		select {
		case <-ended:
			t.Fatalf("it waited for none of %d channels", n)
		default:
		}
		if n%2 == 0 {
			close(last)
		} else {
			cancel()
		}
		<-ended
		cancel()
	}
}
