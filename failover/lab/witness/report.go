package witness

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is what a Record says. Durations are counted from Began.
type Report struct {
	VIP   netip.Addr
	Began time.Time
	Took  time.Duration

	Asked, Answered int           // the client's own questions, and those answered in time
	Outage          time.Duration // the longest time the client went without an answer to what it asked
	OutageTotal     time.Duration // all such times together
	Outages         []Outage
	Heard           []Heard // who answered the client, in order

	Two      time.Duration // how long two machines served at once
	Overlaps []Overlap     // when, and which
	Serving  []Serving     // who served when, by each method, whomever the client heard

	Period     time.Duration // between one round of questions and the next, median
	Resolution time.Duration // the longest time from one round to the next, or to the answer to that
}

// Outage is a time through which the client's questions went unanswered: from before the last that was answered before it was sent, until the
// first that was answered after it had been.
type Outage struct {
	Window

	Before, After string // who answered before and after; "" is nobody
	Unanswered    int
}

// Heard is a time through which one machine alone answered the client.
type Heard struct {
	Window

	Machine string
	Answers int
}

// Serving is what one method of asking tells of one machine.
type Serving struct {
	Machine string // its name, or its hardware address if it is not one of the lab's
	Method  Method
	Windows []Window // certain, and shorter than the truth by a period at each end
	Answers int
}

// Overlap is a time through which two machines certainly both served.
type Overlap struct {
	Window

	Machines [2]string
}

// client reads the client's own questions. Those asked after end are too young to be judged.
func (r *Report) client(asks []Ask, end time.Duration, j Rules) {
	var last *Ask
	missed := 0
	for i := range asks {
		a := &asks[i]
		if a.Sent > end {
			break
		}
		if a.Sent == Unsent {
			continue
		}
		r.Asked++
		if a.Heard == 0 || a.late(j.Patience) {
			missed++
			continue
		}
		r.Answered++
		if missed > 0 {
			r.addOutage(last, a, asks[0].Sent, max(a.Sent, a.SentBy), missed)
		}
		missed, last = 0, a
		if n := len(r.Heard); n == 0 || r.Heard[n-1].Machine != a.By {
			r.Heard = append(r.Heard, Heard{Window: Window{a.Sent, a.Sent}, Machine: a.By})
		}
		h := &r.Heard[len(r.Heard)-1]
		h.To = a.Sent
		h.Answers++
	}
	if missed > 0 {
		r.addOutage(last, nil, asks[0].Sent, end, missed)
	}
}

// addOutage notes that nothing was answered between two questions; where there is no such question, between from and to.
func (r *Report) addOutage(before, after *Ask, from, to time.Duration, missed int) {
	o := Outage{Window: Window{from, to}, Unanswered: missed}
	if before != nil {
		o.From, o.Before = before.Sent, before.By
	}
	if after != nil {
		o.After = after.By
	}
	r.Outages = append(r.Outages, o)
	r.Outage = max(r.Outage, o.Length())
	r.OutageTotal += o.Length()
}

// owners reads the questions to each machine and finds when two of them served.
func (r *Report) owners(tracks []Track, j Rules) {
	served := make(map[string][]Window)
	moments := make(map[string][]Window)
	for _, t := range tracks {
		spans, seen := t.spans(j.MaxGap), t.moments()
		if len(seen) == 0 {
			continue
		}
		answers := len(seen)
		if t.Method == ByUnicast {
			answers /= 2
		}
		r.Serving = append(r.Serving, Serving{Machine: t.Machine, Method: t.Method, Windows: spans, Answers: answers})
		served[t.Machine] = append(served[t.Machine], spans...)
		moments[t.Machine] = append(moments[t.Machine], seen...)
	}
	slices.SortFunc(r.Serving, func(a, b Serving) int {
		return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Method, b.Method))
	})
	machines := slices.Sorted(maps.Keys(served))
	for _, m := range machines {
		served[m] = merge(served[m], 0)
	}
	var all []Window
	for i, a := range machines {
		for _, b := range machines[i+1:] {
			both := certain(intersect(served[a], served[b]))
			both = append(both, inside(moments[a], served[b])...)
			both = append(both, inside(moments[b], served[a])...)
			for _, w := range overlaps(both, j.MaxGap) {
				r.Overlaps = append(r.Overlaps, Overlap{Window: w, Machines: [2]string{a, b}})
				all = append(all, w)
			}
		}
	}
	r.Two = total(merge(all, 0))
}

// paces reads how often was asked, and how late was heard.
func (r *Report) paces(rounds []Ask) {
	gaps := make([]time.Duration, 0, len(rounds))
	last := Unsent
	for _, a := range rounds {
		if a.Sent == Unsent {
			continue
		}
		if last != Unsent {
			gaps = append(gaps, a.Sent-last)
			r.Resolution = max(r.Resolution, max(a.Sent, a.Heard)-last)
		}
		last = a.Sent
	}
	if len(gaps) > 0 {
		slices.Sort(gaps)
		r.Period = gaps[len(gaps)/2]
	}
}

// String is the report in one line.
func (r Report) String() string {
	who := make([]string, 0, len(r.Heard))
	for _, h := range r.Heard {
		who = append(who, h.Machine)
	}
	if n := len(r.Outages); n > 0 && r.Outages[n-1].After == "" {
		who = append(who, "nobody")
	}
	if len(who) == 0 {
		who = append(who, "nobody")
	}
	return fmt.Sprintf("%s: answered by %s, outage %s ms, two at once %s ms (%d of %d answered, asked every %s ms)",
		r.VIP, strings.Join(who, " -> "), millis(r.Outage), millis(r.Two), r.Answered, r.Asked, millis(r.Period))
}

// Detail is all of the report, a line for each finding.
func (r Report) Detail() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "%s\n  took %s ms, no machine unseen for more than %s ms\n", r, millis(r.Took), millis(r.Resolution))
	for _, o := range r.Outages {
		fmt.Fprintf(b, "  outage   %s ms: %s, %s, %d questions\n", o.Window, millis(o.Length()), change(o.Before, o.After), o.Unanswered)
	}
	for _, h := range r.Heard {
		fmt.Fprintf(b, "  heard    %s ms: %s, %d answers\n", h.Window, h.Machine, h.Answers)
	}
	for _, s := range r.Serving {
		fmt.Fprintf(b, "  served   %s, by %s, %d answers: %s ms\n", s.Machine, s.Method, s.Answers, strings.Trim(fmt.Sprint(s.Windows), "[]"))
	}
	for _, o := range r.Overlaps {
		fmt.Fprintf(b, "  TWO      %s ms: %s, %s and %s\n", o.Window, millis(o.Length()), o.Machines[0], o.Machines[1])
	}
	return b.String()
}

// change is who answered before and after.
func change(before, after string) string {
	return cmp.Or(before, "nobody") + " -> " + cmp.Or(after, "nobody")
}

// millis is a duration in milliseconds. Only nothing is 0: the shortest overlap still shows.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if d != 0 && ms < 1 && ms > -1 {
		return strconv.FormatFloat(ms, 'f', 3, 64)
	}
	if d == 0 {
		return "0"
	}
	return strconv.FormatFloat(ms, 'f', 1, 64)
}
