package consensus

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster/state"
)

// maxFlights is how many batches are on their way through the log at once. The leader's disk and the followers' work at the same time (ahead.go),
// so a second batch would wait for the same disks, and make both smaller. Whatever is proposed meanwhile makes the next one, which shares a
// write to each disk, and a transaction of each member's state.
const maxFlights = 1

// queue is the proposals that wait until an earlier batch has been applied. The first of them need not wait.
type queue struct {
	limit int // proposals in a batch; raft takes up maxFlights of them at once

	mu      sync.Mutex // guards following
	waiting []*proposal
	flights int
}

// appender is raft as the queue sees it.
type appender interface {
	Apply(entry []byte, timeout time.Duration) raft.ApplyFuture
}

// proposal is an entry on its way into the log, and what becomes of it.
type proposal struct {
	entry   []byte
	outcome chan outcome // of 1
}

// outcome is what became of a proposed entry.
type outcome struct {
	result state.Result
	err    error // raft's
}

// propose gives raft an entry, in the next batch, and waits for what becomes of it.
func (q *queue) propose(ctx context.Context, log appender, stopped <-chan struct{}, entry []byte) outcome {
	p := &proposal{entry: entry, outcome: make(chan outcome, 1)}
	q.add(log, p)
	select {
	case o := <-p.outcome:
		return o
	case <-ctx.Done():
		if q.withdraw(p) {
			return outcome{err: raft.ErrEnqueueTimeout}
		}
		return outcome{err: ctx.Err()}
	case <-stopped: // raft forgets its futures when it is shut down
		return outcome{err: raft.ErrRaftShutdown}
	}
}

func (q *queue) add(log appender, p *proposal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, p)
	q.launchLocked(log)
}

// withdraw takes back a proposal, unless it is on its way already.
func (q *queue) withdraw(p *proposal) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, p)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// launchLocked sends off what waits, as far as there is room.
func (q *queue) launchLocked(log appender) {
	if len(q.waiting) == 0 || q.flights == maxFlights {
		return
	}
	n := min(len(q.waiting), q.limit)
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	q.flights++
	go q.fly(log, batch)
}

// fly takes a batch through the log. Raft writes together what it finds in its channel, which holds maxFlights batches.
func (q *queue) fly(log appender, batch []*proposal) {
	futures := make([]raft.ApplyFuture, len(batch))
	for i, p := range batch {
		futures[i] = log.Apply(p.entry, 0)
	}
	for i, p := range batch {
		p.outcome <- await(futures[i])
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flights--
	q.launchLocked(log)
}

func await(f raft.ApplyFuture) outcome {
	if err := f.Error(); err != nil {
		return outcome{err: err}
	}
	result, _ := f.Response().(state.Result) // nothing is the response to an entry that was skipped
	return outcome{result: result}
}
