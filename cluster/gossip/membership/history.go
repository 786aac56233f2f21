package membership

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

// History remembers the user events of late, so that each is delivered once, and can be told to a member that missed it.
type History struct {
	clock clock
	since message.Time // earlier events are not for this member: it was not here yet
	met   bool         // another member's state was seen
	slots [historySpan]slot
}

// slot has the events of one time; the next time that falls to it takes it over.
type slot struct {
	time   message.Time
	events []message.UserEvent
}

// Add remembers an event. It is false for one that was seen before, or is too old to tell.
func (h *History) Add(e message.UserEvent) bool {
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

// Make is an event of this member at a time after all that it has heard. It is yet to be added.
func (h *History) Make(origin string, payload []byte) message.UserEvent {
	return message.UserEvent{Time: h.clock.tick(), Origin: origin, Payload: slices.Clone(payload)}
}

// Tell adds to a state what this member tells in a push/pull.
func (h *History) Tell(s *message.State) { s.Events, s.Recent = h.clock.now, h.latest(replayBudget) }

// Merge takes in what another member has told, and gives what is news. The first time, all events so far are from before this member came.
func (h *History) Merge(s message.State) []message.UserEvent {
	if !h.met {
		h.met = true
		h.skip(s.Events)
	}
	var news []message.UserEvent
	for _, e := range s.Recent {
		if h.Add(e) {
			news = append(news, e)
		}
	}
	return news
}

// skip makes the history deaf to everything up to a time: what happened before this member came.
func (h *History) skip(until message.Time) {
	if h.clock.witness(until) {
		h.since = until + 1
	}
}

// latest is the newest events, as many as fit the budget, oldest first.
func (h *History) latest(budget int) []message.UserEvent {
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
