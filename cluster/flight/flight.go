// Package flight shares one answer among those who ask the same question at the same time. Unlike a cache or a single flight, it never
// gives anyone the answer to a question that was sent before he asked: whoever comes while one is under way waits for the next. That is
// what a read that must see every earlier write needs.
package flight

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Group asks one question, flight after flight. Make it with New.
type Group[T any] struct {
	ask   func(context.Context) (T, error)
	limit time.Duration // of one flight

	mu   sync.Mutex // guards following
	busy bool       // a flight is under way
	next *flight[T] // those who wait for the next one
}

type flight[T any] struct {
	done  chan struct{} // closed when value and err are set
	value T
	err   error
}

// New makes a group whose flights take at most limit. ask is called from one goroutine at a time, with a context of its own, because it
// serves many callers.
func New[T any](limit time.Duration, ask func(context.Context) (T, error)) *Group[T] {
	return &Group[T]{ask: ask, limit: limit}
}

// Do answers with the result of a question that is asked after the call began.
func (g *Group[T]) Do(ctx context.Context) (T, error) {
	g.mu.Lock()
	if g.next == nil {
		g.next = &flight[T]{done: make(chan struct{})}
	}
	mine := g.next
	if !g.busy {
		g.busy = true
		go g.run(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// run asks until nobody waits.
func (g *Group[T]) run(ctx context.Context) {
	for {
		g.mu.Lock()
		now := g.next
		g.next = nil
		if now == nil {
			g.busy = false
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, g.limit)
		now.value, now.err = g.ask(limited)
		cancel()
		close(now.done)
		runtime.Gosched() // whoever is about to ask goes first, and shares the next flight
	}
}
