// Package queue has a leader's log taken up in batches: one at a time on its way, and the next one as large as the clients make it.
package queue

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster/state"
)

// Queue is the proposals that wait until an earlier batch has been applied. The first of them need not wait.
//
// One batch is on its way through the log at a time. The leader's disk and the followers' work at the same time (ahead.go of the package above), so a second one would
// wait for the same disks, and make both smaller. Whatever is proposed meanwhile makes the next one, which shares a write to each disk, and a
// transaction of each member's state.
type Queue struct {
	Limit int // proposals in a batch; raft takes up as many at once

	mu      sync.Mutex // guards following
	waiting []*proposal
	busy    bool // run is running
	gather  gather
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

// Propose gives raft an entry, in the next batch, and waits for what becomes of it. The error is raft's: raft.ErrEnqueueTimeout also where ctx ended while the
// entry waited, so that it is never sent. It is that of ctx where the entry was on its way, and may still be applied.
func (q *Queue) Propose(ctx context.Context, log appender, stopped <-chan struct{}, entry []byte) (state.Result, error) {
	p := &proposal{entry: entry, outcome: make(chan outcome, 1)}
	q.add(log, p)
	select {
	case o := <-p.outcome:
		return o.result, o.err
	case <-ctx.Done():
		if q.withdraw(p) {
			return state.Result{}, raft.ErrEnqueueTimeout
		}
		return state.Result{}, ctx.Err()
	case <-stopped: // raft forgets its futures when it is shut down
		return state.Result{}, raft.ErrRaftShutdown
	}
}

func (q *Queue) add(log appender, p *proposal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, p)
	q.gather.came(len(q.waiting))
	if !q.busy {
		q.busy = true
		go q.run(log)
	}
}

// withdraw takes back a proposal, unless it is on its way already.
func (q *Queue) withdraw(p *proposal) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, p)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// run sends off one batch after the other until nothing waits.
func (q *Queue) run(log appender) {
	for batch := q.next(); batch != nil; batch = q.next() {
		began := time.Now()
		fly(log, batch)
		q.landed(len(batch), time.Since(began))
	}
}

// next is the next batch, nil if nothing waits.
func (q *Queue) next() []*proposal {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gather.wait(&q.mu, func() int { return len(q.waiting) })
	if len(q.waiting) == 0 {
		q.busy = false
		return nil
	}
	n := min(len(q.waiting), q.Limit)
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// landed notes that a batch of n has been answered, and how long it was on its way.
func (q *Queue) landed(n int, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gather.answered(min(len(q.waiting)+n, q.Limit), took)
}

// fly takes a batch through the log. Raft writes together what it finds in its channel, which holds a whole batch.
func fly(log appender, batch []*proposal) {
	futures := make([]raft.ApplyFuture, len(batch))
	for i, p := range batch {
		futures[i] = log.Apply(p.entry, 0)
	}
	for i, p := range batch {
		p.outcome <- await(futures[i])
	}
}

func await(f raft.ApplyFuture) outcome {
	if err := f.Error(); err != nil {
		return outcome{err: err}
	}
	result, _ := f.Response().(state.Result) // nothing is the response to an entry that was skipped
	return outcome{result: result}
}
