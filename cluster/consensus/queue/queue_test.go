package queue

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster/state"
)

// slowLog is a log that takes entries in and answers when it is told to.
type slowLog struct {
	mu    sync.Mutex // guards following
	taken []*slowEntry
}

type slowEntry struct {
	raft.ApplyFuture
	data string
	done chan error
}

func (e *slowEntry) Error() error  { return <-e.done }
func (e *slowEntry) Response() any { return state.Result{Value: e.data} }

func (l *slowLog) Apply(entry []byte, _ time.Duration) raft.ApplyFuture {
	e := &slowEntry{data: string(entry), done: make(chan error, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, e)
	return e
}

// take is what was taken in since the last call.
func (l *slowLog) take() []*slowEntry {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.taken
	l.taken = nil
	return taken
}

func answer(entries []*slowEntry, err error) {
	for _, e := range entries {
		e.done <- err
	}
}

// proposer proposes in goroutines, and counts what comes back.
type proposer struct {
	queue   *Queue
	log     *slowLog
	stopped chan struct{}

	mu       sync.Mutex // guards following
	outcomes []outcome
}

func newProposer(limit int) *proposer {
	return &proposer{queue: &Queue{Limit: limit}, log: &slowLog{}, stopped: make(chan struct{})}
}

func (p *proposer) propose(ctx context.Context, n int) {
	for range n {
		go func() {
			result, err := p.queue.Propose(ctx, p.log, p.stopped, []byte("entry"))
			p.mu.Lock()
			defer p.mu.Unlock()
			p.outcomes = append(p.outcomes, outcome{result, err})
		}()
		synctest.Wait()
	}
}

func (p *proposer) came() []outcome {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	came := p.outcomes
	p.outcomes = nil
	return came
}

func TestQueueSendsWhatWaitedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProposer(10)
		p.propose(t.Context(), 8)
		alone := p.log.take()
		if len(alone) != 1 {
			t.Fatalf("%d entries are on their way, want the first", len(alone))
		}
		answer(alone, nil)
		rest := p.log.take()
		if len(rest) != 7 {
			t.Errorf("%d entries follow the first that landed, want the 7 that waited", len(rest))
		}
		answer(rest, nil)
		came := p.came()
		if len(came) != 8 {
			t.Errorf("%d outcomes, want 8", len(came))
		}
		for _, o := range came {
			if o.err != nil || o.result.Value != "entry" {
				t.Errorf("outcome %+v", o)
			}
		}
	})
}

func TestQueueLimitsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProposer(3)
		p.propose(t.Context(), 9)
		for i, want := range []int{1, 3, 3, 2} {
			batch := p.log.take()
			if len(batch) != want {
				t.Fatalf("batch %d has %d entries, want %d", i, len(batch), want)
			}
			answer(batch, nil)
		}
		if came := p.came(); len(came) != 9 {
			t.Errorf("%d outcomes, want 9", len(came))
		}
	})
}

func TestQueueTakesBackWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProposer(10)
		ctx, cancel := context.WithCancel(t.Context())
		p.propose(ctx, 2)
		flying := p.log.take()
		cancel()
		withdrawn, unknown := 0, 0
		for _, o := range p.came() {
			switch {
			case errors.Is(o.err, raft.ErrEnqueueTimeout):
				withdrawn++
			case errors.Is(o.err, context.Canceled):
				unknown++
			}
		}
		if withdrawn != 1 || unknown != 1 {
			t.Errorf("%d were taken back and %d are unknown, want 1 and 1", withdrawn, unknown)
		}
		answer(flying, nil)
		if late := p.log.take(); len(late) != 0 {
			t.Errorf("%d entries that were taken back reached the log", len(late))
		}
	})
}

func TestQueueSaysWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProposer(10)
		p.propose(t.Context(), 1)
		answer(p.log.take(), raft.ErrLeadershipLost)
		if came := p.came(); len(came) != 1 || !errors.Is(came[0].err, raft.ErrLeadershipLost) {
			t.Errorf("outcomes %+v", came)
		}
		p.propose(t.Context(), 2)
		flying := p.log.take()
		close(p.stopped)
		for _, o := range p.came() {
			if !errors.Is(o.err, raft.ErrRaftShutdown) {
				t.Errorf("outcome %+v of a queue that was stopped", o)
			}
		}
		answer(flying, raft.ErrRaftShutdown)
		answer(p.log.take(), raft.ErrRaftShutdown)
	})
}
