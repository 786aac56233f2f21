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
	spans  []stood // the longer ones
}

// stood is a time through which nothing ran.
type stood struct{ from, to time.Time }

const stillSpan = 50 * time.Millisecond // a pause that is kept

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
	if now.Sub(s.last)-stillTick > stillSpan {
		s.spans = append(s.spans, stood{s.last.Add(stillTick), now})
	}
	s.most, s.last = max(s.most, now.Sub(s.last)-stillTick), now
}

// within is for how long nothing ran between two moments, pauses that are not worth keeping left out. It is to be called after end.
func (s *stillness) within(from, to time.Time) (sum time.Duration) {
	for _, x := range s.spans {
		sum += max(0, min(x.to.Sub(from), to.Sub(from))-max(x.from.Sub(from), 0))
	}
	return sum
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
