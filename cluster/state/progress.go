package state

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
)

// progress is the applied index and who waits for it. Waiters for one index share a channel, and reaching an index touches only
// those that wait for it or less.
type progress struct {
	index atomic.Uint64

	mu      sync.Mutex // guards what follows
	waiting milestones
	byIndex map[uint64]*milestone
}

// milestone is an index that somebody waits for.
type milestone struct {
	index   uint64
	waiters int
	place   int // in the heap
	reached chan struct{}
}

func (p *progress) reach(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index.Store(index)
	for len(p.waiting) > 0 && p.waiting[0].index <= index {
		m := heap.Pop(&p.waiting).(*milestone)
		delete(p.byIndex, m.index)
		close(m.reached)
	}
}

func (p *progress) wait(ctx context.Context, index uint64) error {
	m := p.join(index)
	if m == nil {
		return nil
	}
	select {
	case <-m.reached:
		return nil
	case <-ctx.Done():
		p.quit(m)
		return ctx.Err()
	}
}

// join is the milestone to wait for, nil where index is reached already.
func (p *progress) join(index uint64) *milestone {
	if p.index.Load() >= index {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.index.Load() >= index {
		return nil
	}
	m := p.byIndex[index]
	if m == nil {
		m = &milestone{index: index, reached: make(chan struct{})}
		if p.byIndex == nil {
			p.byIndex = map[uint64]*milestone{}
		}
		p.byIndex[index] = m
		heap.Push(&p.waiting, m)
	}
	m.waiters++
	return m
}

func (p *progress) quit(m *milestone) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.waiters--
	if m.waiters == 0 && p.byIndex[m.index] == m {
		heap.Remove(&p.waiting, m.place)
		delete(p.byIndex, m.index)
	}
}

// milestones is a heap, the lowest index first.
type milestones []*milestone

func (m milestones) Len() int           { return len(m) }
func (m milestones) Less(i, j int) bool { return m[i].index < m[j].index }

func (m milestones) Swap(i, j int) {
	m[i], m[j] = m[j], m[i]
	m[i].place, m[j].place = i, j
}

func (m *milestones) Push(x any) {
	last := x.(*milestone)
	last.place = len(*m)
	*m = append(*m, last)
}

func (m *milestones) Pop() any {
	old := *m
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*m = old[:len(old)-1]
	return last
}
