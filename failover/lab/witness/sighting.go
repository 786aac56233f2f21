package witness

import (
	"cmp"
	"slices"
	"time"
)

// sighting is evidence of two machines at once: they both served at some instant no earlier than From and no later than To.
type sighting Window

// certain makes sightings of windows through which two machines served: their first instant and their last.
func certain(windows []Window) []sighting {
	seen := make([]sighting, 0, 2*len(windows))
	for _, w := range windows {
		seen = append(seen, sighting{w.From, w.From}, sighting{w.To, w.To})
	}
	return seen
}

// inside makes sightings of those moments of one machine that lie within a span of the other.
func inside(moments, spans []Window) (seen []sighting) {
	for _, m := range moments {
		if m.within(spans) {
			seen = append(seen, sighting(m))
		}
	}
	return seen
}

// overlaps are the windows through which two machines served, from sightings no further apart than the tolerance: from the latest possible
// time of the first to the earliest possible time of the last. Where that is nothing, the overlap is as long as the sharpest sighting.
func overlaps(seen []sighting, tolerance time.Duration) []Window {
	slices.SortFunc(seen, func(a, b sighting) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	var windows []Window
	for len(seen) > 0 {
		reach, n := seen[0].To, 0
		for n < len(seen) && seen[n].From-reach <= tolerance {
			reach = max(reach, seen[n].To)
			n++
		}
		windows = append(windows, span(seen[:n]))
		seen = seen[n:]
	}
	return windows
}

// span is what a cluster of sightings proves together.
func span(seen []sighting) Window {
	sharpest := Window(seen[0])
	sure := Window{From: seen[0].To, To: seen[0].From}
	for _, s := range seen {
		sure = Window{From: min(sure.From, s.To), To: max(sure.To, s.From)}
		if w := Window(s); w.Length() > 0 && (sharpest.Length() <= 0 || w.Length() < sharpest.Length()) {
			sharpest = w
		}
	}
	if sure.Length() > 0 {
		return sure
	}
	return sharpest
}
