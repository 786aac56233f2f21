// Package roster keeps a loop running for each entry of a list that may be replaced at any time: those that stay run on undisturbed, those that
// are new begin, those that are gone end. The list says what is wanted, and Run makes what runs agree with it.
package roster

import (
	"context"
	"slices"
	"sync"
)

// Loop is what an entry does until ctx ends, because the entry is gone or because Run's context has ended. former is closed once the loops have ended
// of the entries that were gone when this one came: who must not meet them waits for it.
type Loop[T any] func(ctx context.Context, entry T, former <-chan struct{})

// Roster is a list and the loops of its entries. Entries are told apart by ==.
type Roster[T comparable] struct {
	loop Loop[T]
	kick chan struct{} // holds one: the list has changed
	all  sync.WaitGroup

	mu     sync.Mutex // guards following
	wanted []T
	active map[T]active
}

// active is a loop that runs.
type active struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
}

// New makes a roster without entries.
func New[T comparable](loop Loop[T]) *Roster[T] {
	return &Roster[T]{loop: loop, kick: make(chan struct{}, 1), active: map[T]active{}}
}

// Set says which entries there are to be. choose is given those of now, and hands back each of them that is to stay; it must have each once.
func (r *Roster[T]) Set(choose func(now []T) []T) {
	r.mu.Lock()
	r.wanted = choose(slices.Clone(r.wanted))
	r.mu.Unlock()
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// List is the entries, in their order.
func (r *Roster[T]) List() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.wanted)
}

// Run keeps the loops running until ctx ends, and they have.
func (r *Roster[T]) Run(ctx context.Context) {
	defer r.all.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
			r.agree(ctx)
		}
	}
}

// agree ends the loops of entries that are not wanted any more, and begins those of new ones.
func (r *Roster[T]) agree(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var gone []active
	for entry, a := range r.active {
		if !slices.Contains(r.wanted, entry) {
			a.cancel()
			gone = append(gone, a)
			delete(r.active, entry)
		}
	}
	former := make(chan struct{})
	r.all.Go(func() {
		defer close(former)
		for _, a := range gone {
			<-a.done
		}
	})
	for _, entry := range r.wanted {
		if _, runs := r.active[entry]; runs {
			continue
		}
		own, cancel := context.WithCancel(ctx)
		a := active{cancel, make(chan struct{})}
		r.active[entry] = a
		r.all.Go(func() {
			defer close(a.done)
			defer cancel()
			r.loop(own, entry, former)
		})
	}
}
