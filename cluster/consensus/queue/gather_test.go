package queue

import (
	"testing"
	"testing/synctest"
	"time"
)

// leaves is how long after now the next batch leaves, and the batch. It looks every 50 microseconds.
func leaves(p *proposer) (time.Duration, []*slowEntry) {
	began := time.Now()
	for {
		if batch := p.log.take(); len(batch) > 0 {
			return time.Since(began), batch
		}
		time.Sleep(50 * time.Microsecond) //nolint:forbidigo // the bubble's clock
	}
}

// gathering is a queue whose first batch, of one, was just answered after a millisecond, while two came meanwhile.
func gathering(t *testing.T) *proposer {
	p := newProposer(10)
	p.propose(t.Context(), 3)
	first := p.log.take()
	time.Sleep(time.Millisecond) //nolint:forbidigo // the bubble's clock: this is how long the batch took
	answer(first, nil)
	return p
}

// finish answers what is left.
func finish(p *proposer) {
	for batch := p.log.take(); len(batch) > 0; batch = p.log.take() {
		answer(batch, nil)
		time.Sleep(gatherLimit) //nolint:forbidigo // the bubble's clock
	}
}

func TestBatchWaitsForThoseWhoWereAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := gathering(t)
		if batch := p.log.take(); len(batch) > 0 {
			t.Errorf("a batch of %d left without waiting", len(batch))
		}
		p.propose(t.Context(), 1)
		if batch := p.log.take(); len(batch) != 3 {
			t.Errorf("%d entries left as the last came back, want 3", len(batch))
		} else {
			answer(batch, nil)
		}
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		p.propose(t.Context(), 1)
		if batch := p.log.take(); len(batch) != 1 {
			t.Error("who comes when all has been quiet has to wait")
		} else {
			answer(batch, nil)
		}
	})
}

func TestBatchLeavesWhenNobodyComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := gathering(t)
		after, batch := leaves(p)
		if len(batch) != 2 || after != gatherPause {
			t.Errorf("a batch of %d left after %s, want 2 after %s", len(batch), after, gatherPause)
		}
		for i, want := range []time.Duration{0, 0, gatherPause} { // a wait that was in vain is not repeated at once
			p.propose(t.Context(), 1)
			time.Sleep(time.Millisecond) //nolint:forbidigo // the bubble's clock
			answer(batch, nil)
			if after, batch = leaves(p); after != want {
				t.Errorf("batch %d after one that waited in vain left after %s, want %s", i+1, after, want)
			}
		}
		answer(batch, nil)
		finish(p)
	})
}

func TestBatchDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProposer(100)
		p.propose(t.Context(), 50)
		answer(p.log.take(), nil)
		second := p.log.take() // of 49
		p.propose(t.Context(), 1)
		time.Sleep(time.Millisecond) //nolint:forbidigo // the bubble's clock
		answer(second, nil)
		began := time.Now()
		var batch []*slowEntry
		for ; len(batch) == 0; batch = p.log.take() {
			p.propose(t.Context(), 1)
			time.Sleep(400 * time.Microsecond) //nolint:forbidigo // the bubble's clock
		}
		if after, want := time.Since(began), gatherFlights*time.Millisecond; after < want || after > want+400*time.Microsecond {
			t.Errorf("a batch that somebody joins every now and then left after %s, want %s", after, want)
		}
		answer(batch, nil)
		finish(p)
	})
}
