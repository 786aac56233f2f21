package gossip

import (
	"context"
	"log/slog"
	"sync"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/gossip/message"
)

// EventType says what an Event reports.
type EventType uint8

// The types of event: what becomes of a member, and what else the pool tells.
const (
	EventJoin   = EventType(membership.Join)
	EventUpdate = EventType(membership.Update)
	EventLeave  = EventType(membership.Leave)
	EventFail   = EventType(membership.Fail)
	EventReap   = EventType(membership.Reap)

	EventUser     EventType = 6 // somebody sent a payload to all
	EventConflict EventType = 7 // another agent uses the name of a member; the member stays, and the other is not let in
)

// String is the type's name in logs.
func (t EventType) String() string {
	switch t {
	case EventUser:
		return "user"
	case EventConflict:
		return "conflict"
	}
	return membership.Change(t).String()
}

// MaxPayload is the most bytes that a user event carries.
const MaxPayload = message.MaxPayload

// Event is one change that the pool reports.
type Event struct {
	Type    EventType
	Member  cluster.Member // the member as it is after the change; of a conflict, the other agent that claims its name
	Payload []byte         // of a user event
	Origin  string         // of a user event: the sender's name
	LTime   uint64         // of a user event: its Lamport time
}

// maxQueued bounds the user events that wait for a slow reader; changes of members always wait.
const maxQueued = 4096

// eventQueue hands events from the pool, which must not wait, to the one goroutine that delivers them.
type eventQueue struct {
	log   *slog.Logger
	ready chan struct{} // has one element while events wait

	mu      sync.Mutex // guards following
	waiting []Event
	closed  bool
}

func newEventQueue(log *slog.Logger) *eventQueue {
	return &eventQueue{log: log, ready: make(chan struct{}, 1)}
}

// put queues an event and never waits.
func (q *eventQueue) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if e.Type == EventUser && len(q.waiting) >= maxQueued {
		q.log.Warn("user event dropped: too many wait for delivery", "origin", e.Origin, "waiting", len(q.waiting))
		return
	}
	q.waiting = append(q.waiting, e)
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *eventQueue) take() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.waiting
	q.waiting = nil
	return events
}

// deliver calls fn with each event, in order, until ctx ends; then with those that already wait.
func (q *eventQueue) deliver(ctx context.Context, fn func(Event)) {
	for running := true; running; {
		select {
		case <-q.ready:
		case <-ctx.Done():
			q.close()
			running = false
		}
		for _, e := range q.take() {
			fn(e)
		}
	}
}

func (q *eventQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
