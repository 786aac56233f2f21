package main

import (
	"context"
	"sync"
	"time"
)

const (
	stillTick = 5 * time.Millisecond
	stillNews = 150 * time.Millisecond // a pause of the whole machine that is worth a line
)

// stillness finds out for how long this whole machine stood still, as a virtual one does where its host is busy. All the demo's machines stand
// still with it, and a lease that runs out meanwhile is nobody's fault.
type stillness struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	last   time.Time
	most   time.Duration
}

// watchStillness begins to look.
func watchStillness(ctx context.Context) *stillness {
	ctx, cancel := context.WithCancel(ctx)
	s := &stillness{cancel: cancel, last: time.Now()}
	s.done.Go(func() {
		tick := time.NewTicker(stillTick)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.see(time.Now())
			case <-ctx.Done():
				return
			}
		}
	})
	return s
}

// see notes that the machine runs now.
func (s *stillness) see(now time.Time) {
	s.most, s.last = max(s.most, now.Sub(s.last)-stillTick), now
}

// end stops looking. It answers the longest time for which nothing ran, 0 where that is not worth a word.
func (s *stillness) end() time.Duration {
	s.cancel()
	s.done.Wait()
	s.see(time.Now())
	if s.most < stillNews {
		return 0
	}
	return s.most
}
