package witness

import (
	"slices"
	"time"
)

// Ask is one question and what became of it. Times are those of the clock that all machines share.
type Ask struct {
	Sent, SentBy time.Duration // the question left between these two
	Stamp        time.Duration // what the answer says of when it was sent; zero where answers say nothing (ARP, neighbour discovery)
	Heard        time.Duration // when the answer was read; zero if none was
	By           string        // who answered
}

// Unsent in the place of a time marks a question that could not be sent at all.
const Unsent = time.Duration(-1)

// acceptedBy is the latest moment at which the machine can have accepted the question.
func (a Ask) acceptedBy() time.Duration {
	if a.Stamp != 0 {
		return a.Stamp
	}
	return a.Heard
}

// repliedFrom is the earliest moment at which the answer can have left the machine.
func (a Ask) repliedFrom() time.Duration {
	if a.Stamp != 0 {
		return a.Stamp
	}
	return a.Sent
}

// late reports whether the question had to wait for its answer, or, say, for a hardware address on the client.
func (a Ask) late(patience time.Duration) bool { return a.acceptedBy()-a.SentBy > patience }

// Track is a series of like questions to one machine.
type Track struct {
	Machine string
	Method  Method
	Asks    []Ask
}

// Method is a way of asking who serves an address.
type Method string

// The methods.
const (
	ByOwner   Method = "owner"   // who has the address: ARP, neighbour discovery
	ByUnicast Method = "unicast" // a datagram straight to the machine's hardware address
)

// spans are the stretches of time through which the machine certainly served: it accepted a question no later than at their beginning,
// answered one no earlier than at their end, and left none in between unanswered. Nothing is concluded from two answers between
// which it may have served nobody for longer than maxGap. A single answer with a stamp makes a span of no length, one without makes none.
func (t Track) spans(maxGap time.Duration) []Window {
	var spans []Window
	open := false
	var last time.Duration // the latest moment at which the machine is known to have served
	for _, a := range t.Asks {
		if a.Sent == Unsent {
			continue
		}
		if a.Heard == 0 {
			open = false
			continue
		}
		served := a.Sent
		if a.Heard-a.Sent <= maxGap {
			served = a.repliedFrom()
		}
		if !open || a.acceptedBy()-last > maxGap {
			spans = append(spans, Window{a.acceptedBy(), served})
			open, last = true, served
		}
		run := &spans[len(spans)-1]
		run.From = min(run.From, a.acceptedBy())
		last = max(last, served)
		run.To = last
	}
	return slices.DeleteFunc(spans, func(w Window) bool { return w.Length() < 0 })
}

// moments are windows in each of which lies an instant at which the machine certainly served: from question to acceptance, and from reply to
// the hearing of it.
func (t Track) moments() []Window {
	windows := make([]Window, 0, 2*len(t.Asks))
	for _, a := range t.Asks {
		if a.Heard == 0 {
			continue
		}
		windows = append(windows, Window{a.Sent, a.acceptedBy()})
		if a.Stamp != 0 {
			windows = append(windows, Window{a.Stamp, a.Heard})
		}
	}
	return windows
}
