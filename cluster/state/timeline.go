package state

import "holdfast/cluster"

// record appends transitions to the timeline and drops the oldest beyond its size.
func (w *writer) record(transitions []cluster.Transition) {
	for _, t := range transitions {
		t.Index, t.Seq = w.index, w.recorded
		w.recorded++
		if t.Time.IsZero() {
			t.Time = w.now
		}
		w.put(tableTimeline, &t)
		w.touchTimeline(t.Group)
	}
	if len(transitions) > 0 {
		w.trimTimeline()
	}
}

func (w *writer) trimTimeline() {
	surplus := -cluster.TimelineSize
	for range each[cluster.Transition](w.txn, tableTimeline, byID, "") {
		surplus++
	}
	for t := range each[cluster.Transition](w.txn, tableTimeline, byID, "") {
		if surplus <= 0 {
			return
		}
		surplus--
		w.remove(tableTimeline, t)
		w.touchTimeline(t.Group)
	}
}

func (w *writer) touchTimeline(group string) {
	w.touch(setTimeline)
	if group != "" {
		w.touch(ofTimeline + group)
	}
}
