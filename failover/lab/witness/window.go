package witness

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Window is a stretch of time, counted from the opening of a probe.
type Window struct{ From, To time.Duration }

// Length is how long the window is.
func (w Window) Length() time.Duration { return w.To - w.From }

// String is the window in milliseconds, "812.4..1624.0".
func (w Window) String() string { return fmt.Sprintf("%s..%s", millis(w.From), millis(w.To)) }

// within reports whether the window lies in one of the others, with nothing sticking out.
func (w Window) within(others []Window) bool {
	return slices.ContainsFunc(others, func(o Window) bool { return o.From <= w.From && w.To <= o.To })
}

// merge sorts windows and makes one of those that overlap, touch, or lie no further apart than the tolerance.
func merge(windows []Window, tolerance time.Duration) []Window {
	slices.SortFunc(windows, func(a, b Window) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	var merged []Window
	for _, w := range windows {
		if n := len(merged); n > 0 && w.From-merged[n-1].To <= tolerance {
			merged[n-1].To = max(merged[n-1].To, w.To)
			continue
		}
		merged = append(merged, w)
	}
	return merged
}

// intersect is where windows of a and of b overlap for longer than nothing.
func intersect(a, b []Window) []Window {
	var both []Window
	for _, v := range a {
		for _, w := range b {
			if common := (Window{max(v.From, w.From), min(v.To, w.To)}); common.Length() > 0 {
				both = append(both, common)
			}
		}
	}
	return both
}

// total is the time that merged windows take together.
func total(merged []Window) (sum time.Duration) {
	for _, w := range merged {
		sum += w.Length()
	}
	return sum
}
