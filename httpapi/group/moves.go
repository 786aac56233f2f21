package group

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
)

// Move is one change of a group's holder, put together from the timeline: its cause, and what happened from the first sign of it to the first packet
// that told the neighbours.
type Move struct {
	Epoch uint64
	From  string // "" for nobody
	To    string // "" for nobody
	Cause string
	Began time.Time // of the first sign
	Took  string    // from there until the new holder served, "" while it does not; by the clocks of the machines
	Steps []Step
}

// Step is one entry of the timeline in a Move.
type Step struct {
	After string // the first sign
	Kind  string
	Node  string
	Why   string
}

// causeWithin is how long before a decision what led to it may have happened.
const causeWithin = 10 * time.Second

// moves are the newest n changes of the holder in a timeline of all groups and machines, the newest last.
func moves(group string, all []*cluster.Transition, n int) []Move {
	entries := slices.Clone(all)
	slices.SortStableFunc(entries, func(a, b *cluster.Transition) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Seq, b.Seq))
	})
	var out []Move
	holder := ""
	for _, t := range entries {
		if t.Group != group || t.Kind != cluster.TransitionAssign {
			continue
		}
		if t.Node != holder || len(out) == 0 {
			out = append(out, moveOf(t, holder, entries))
		}
		holder = t.Node
	}
	return out[max(0, len(out)-n):]
}

// moveOf gathers what belongs to an assignment.
func moveOf(assign *cluster.Transition, from string, entries []*cluster.Transition) Move {
	m := Move{Epoch: assign.Epoch, From: from, To: assign.Node, Cause: assign.Why, Began: assign.Time, Steps: []Step{}}
	var of []*cluster.Transition
	served := time.Time{}
	for _, t := range entries {
		switch {
		case resumed(t, assign, from): // the lease that had lapsed was there again, under the same epoch
			of = slices.DeleteFunc(of, func(o *cluster.Transition) bool { return o.Kind == cluster.TransitionLapse })
			continue
		case !belongs(t, assign, from):
			continue
		case isWell(t): // what had been with the machine before was over
			of = slices.DeleteFunc(of, func(o *cluster.Transition) bool { return o.Kind == cluster.TransitionPresence && o.Group == "" })
			continue
		}
		of = append(of, t)
		if t.Epoch == assign.Epoch && (t.Kind == cluster.TransitionAnnounce || t.Kind == cluster.TransitionAcquire) && t.Time.After(served) {
			served = t.Time
		}
	}
	for _, t := range of {
		if t.Time.Before(m.Began) {
			m.Began = t.Time
		}
	}
	if silent := silence(of, from); silent.Before(m.Began) && !silent.IsZero() {
		m.Began = silent
		m.Steps = append(m.Steps, Step{After: "0s", Kind: "silence", Node: from, Why: "the first renewal of the lease that did not come was due after this"})
	}
	for _, t := range of {
		m.Steps = append(m.Steps, Step{After: t.Time.Sub(m.Began).Round(time.Microsecond).String(), Kind: string(t.Kind), Node: t.Node, Why: t.Why})
	}
	if !served.IsZero() {
		m.Took = served.Sub(m.Began).Round(time.Microsecond).String()
	}
	return m
}

// belongs reports whether an entry is part of the move that an assignment began: what the old holder did in its epoch at that time, what became of
// the machine, and what the new holder does.
func belongs(t, assign *cluster.Transition, from string) bool {
	near := t.Time.After(assign.Time.Add(-causeWithin)) && t.Time.Before(assign.Time.Add(causeWithin))
	switch {
	case t == assign:
		return true
	case t.Kind == cluster.TransitionPresence:
		return t.Node == from && from != "" && (t.Group == "" || t.Group == assign.Group) && near && !t.Time.After(assign.Time)
	case t.Group != assign.Group:
		return false
	case t.Epoch == assign.Epoch:
		return t.Kind != cluster.TransitionRepair && t.Kind != cluster.TransitionConflict
	case t.Epoch+1 == assign.Epoch:
		return near && slices.Contains([]cluster.TransitionKind{cluster.TransitionRelease, cluster.TransitionLapse, cluster.TransitionVerify, cluster.TransitionConflict, cluster.TransitionRun}, t.Kind) &&
			!strings.HasSuffix(t.Why, "succeeded") && !strings.HasSuffix(t.Why, "was started")
	}
	return false
}

// resumed reports whether an entry says that the old holder had its lease again before it lost the group.
func resumed(t, assign *cluster.Transition, from string) bool {
	return t.Kind == cluster.TransitionAcquire && t.Group == assign.Group && t.Node == from && t.Epoch+1 == assign.Epoch && t.Time.Before(assign.Time)
}

// isWell reports whether an entry says that a machine has nothing against it any more.
func isWell(t *cluster.Transition) bool {
	return t.Kind == cluster.TransitionPresence && t.Group == "" && strings.HasSuffix(t.Why, ": its lease channel is live")
}

// silence is when a machine that was lost had been heard for the last time: a presence says for how long it was silent.
func silence(of []*cluster.Transition, from string) time.Time {
	const before = "no lease renewal from it for "
	for _, t := range of {
		if _, text, ok := strings.Cut(t.Why, before); ok && t.Kind == cluster.TransitionPresence && t.Node == from {
			if d, err := time.ParseDuration(strings.Fields(text)[0]); err == nil {
				return t.Time.Add(-d)
			}
		}
	}
	return time.Time{}
}
