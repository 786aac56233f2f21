package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"holdfast/cluster"
)

// place notes of each machine what other groups on it mean for this one.
func (w *world) place(s *seat) {
	for i := range s.verdicts {
		x := &s.verdicts[i]
		x.load = w.load[x.Node]
		for _, o := range w.seats {
			if o == s || o.at != x.Node {
				continue
			}
			if slices.Contains(s.group.ApartFrom, o.group.Name) || slices.Contains(o.group.ApartFrom, s.group.Name) {
				x.apart = o.group.Name
			}
			if slices.Contains(s.group.TogetherWith, o.group.Name) {
				x.together = o.group.Name
			}
		}
	}
}

// compare is negative where a is the better machine, whatever their names.
func compare(a, b *verdict, prefer []string) int {
	return cmp.Or(
		-compareBool(a.Eligible, b.Eligible),
		compareBool(a.status == cluster.Warning, b.status == cluster.Warning),
		compareBool(a.fall != "", b.fall != ""),
		compareBool(a.apart != "", b.apart != ""),
		-compareBool(a.together != "", b.together != ""),
		cmp.Compare(preferred(prefer, a.Node), preferred(prefer, b.Node)),
		cmp.Compare(a.load*b.weight, b.load*a.weight),
	)
}

// preferred is the place of a machine in prefer, its length for one that is not in it.
func preferred(prefer []string, node string) int {
	if i := slices.Index(prefer, node); i >= 0 {
		return i
	}
	return len(prefer)
}

// rank puts the eligible machines first, best first, and numbers them.
func rank(s *seat) {
	prefer := s.group.Prefer
	slices.SortStableFunc(s.verdicts, func(a, b verdict) int {
		return cmp.Or(compare(&a, &b, prefer), -compareBool(a.holds, b.holds), strings.Compare(a.Node, b.Node))
	})
	for i := range s.verdicts {
		x := &s.verdicts[i]
		if !x.Eligible {
			return
		}
		x.Rank = i + 1
		x.Why = x.reason(prefer)
	}
}

// reason is why an eligible machine has its rank.
func (x *verdict) reason(prefer []string) string {
	why := x.Why
	if why == "" {
		why = "eligible"
		if i := preferred(prefer, x.Node); i < len(prefer) {
			why = fmt.Sprintf("eligible, number %d in prefer", i+1)
		}
	}
	if x.fall != "" {
		why += "; " + x.fall
	}
	if x.apart != "" {
		why += fmt.Sprintf("; %s is there, which it is to be apart from", x.apart)
	}
	if x.together != "" && x.apart == "" {
		why += fmt.Sprintf("; %s is there, which it is to be together with", x.together)
	}
	if x.load > 0 {
		why += fmt.Sprintf("; other groups of weight %d are there", x.load)
	}
	return why
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
