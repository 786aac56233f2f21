package table

import "sync/atomic"

// Signal tells that what was read may be different now.
type Signal struct {
	channel atomic.Pointer[channel] // nil while nobody waits
}

type channel struct{ closed chan struct{} }

// given is the channel of every signal that has been given.
var given = func() *channel {
	c := &channel{make(chan struct{})}
	close(c.closed)
	return c
}()

// Changed is closed once the signal has been given.
func (s *Signal) Changed() <-chan struct{} {
	c := s.channel.Load()
	if c == nil {
		if c = (&channel{make(chan struct{})}); !s.channel.CompareAndSwap(nil, c) {
			c = s.channel.Load()
		}
	}
	return c.closed
}

func (s *Signal) give() {
	if c := s.channel.Swap(given); c != nil && c != given {
		close(c.closed)
	}
}
