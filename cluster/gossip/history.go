package gossip

import (
	"bytes"
	"slices"

	"holdfast/cluster/gossip/message"
)

const (
	historySpan  = 256      // Lamport times of user events that are remembered
	historyWidth = 64       // user events of one time that are remembered
	replayBudget = 32 << 10 // bytes of user events that go with a push/pull
)

// history remembers the user events of late, so that each is delivered once, and can be told to a member that missed it.
// Whoever has it guards it.
type history struct {
	clock clock
	since message.Time // earlier events are not for this member: it was not here yet
	slots [historySpan]slot
}

// slot has the events of one time; the next time that falls to it takes it over.
type slot struct {
	time   message.Time
	events []message.UserEvent
}

// add remembers an event. It is false for one that was seen before, or is too old to tell.
func (h *history) add(e message.UserEvent) bool {
	if !h.clock.witness(e.Time) || e.Time < h.since || e.Time+historySpan <= h.clock.now {
		return false
	}
	s := &h.slots[e.Time%historySpan]
	if s.time != e.Time {
		*s = slot{time: e.Time}
	}
	same := func(o message.UserEvent) bool { return o.Origin == e.Origin && bytes.Equal(o.Payload, e.Payload) }
	if len(s.events) >= historyWidth || slices.ContainsFunc(s.events, same) {
		return false
	}
	s.events = append(s.events, e)
	return true
}

// skip makes the history deaf to everything up to a time: what happened before this member came.
func (h *history) skip(until message.Time) {
	if h.clock.witness(until) {
		h.since = until + 1
	}
}

// latest is the newest events, as many as fit the budget, oldest first.
func (h *history) latest(budget int) []message.UserEvent {
	var events []message.UserEvent
	for t := h.clock.now; t > 0 && t+historySpan > h.clock.now; t-- {
		s := &h.slots[t%historySpan]
		if s.time != t {
			continue
		}
		for _, e := range slices.Backward(s.events) {
			if budget -= len(e.Payload) + len(e.Origin) + 16; budget < 0 {
				slices.Reverse(events)
				return events
			}
			events = append(events, e)
		}
	}
	slices.Reverse(events)
	return events
}

// reportOf is the report of a user event.
func reportOf(e message.UserEvent) Event {
	return Event{Type: EventUser, Payload: slices.Clone(e.Payload), Origin: e.Origin, LTime: uint64(e.Time)}
}
