package event

import (
	"slices"
	"sync"

	"holdfast/cluster"
)

// Kept is how many events an agent remembers. It is Consul's number.
const Kept = 256

// Ring holds the newest events. Its methods may be called from many goroutines.
type Ring struct {
	mu      sync.Mutex // guards following
	events  []*cluster.UserEvent
	changed chan struct{}
}

// NewRing makes an empty ring.
func NewRing() *Ring { return &Ring{changed: make(chan struct{})} }

// Add takes an event in, in the place of the oldest where the ring is full.
func (r *Ring) Add(e *cluster.UserEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == Kept {
		r.events = slices.Delete(r.events, 0, 1)
	}
	r.events = append(r.events, e)
	close(r.changed)
	r.changed = make(chan struct{})
}

// Recent is the events, the oldest first, and a channel that is closed when there are others. The caller owns the slice.
func (r *Ring) Recent() ([]*cluster.UserEvent, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events), r.changed
}
