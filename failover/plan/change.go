package plan

import (
	"fmt"
	"slices"
)

// changes says of every machine but the one that is chosen what would make it the holder.
func (s *seat) changes() {
	d, name := &s.decision, s.group.Name
	chosen := slices.IndexFunc(s.verdicts, func(x verdict) bool { return x.Node == d.Node })
	for i := range s.verdicts {
		x := &s.verdicts[i]
		switch {
		case x.Node == d.Node:
		case !x.Eligible:
			x.Change = "it would have to be eligible: " + x.remedy
		case chosen < 0 || i > chosen:
			x.Change = fmt.Sprintf("%s would have to become unable to hold it; or an operator: holdfast group move %s %s", d.Node, name, x.Node)
		case s.old != nil && s.old.Moved:
			x.Change = fmt.Sprintf("an operator chose %s: holdfast group move %s %s", d.Node, name, x.Node)
		case !d.Again.IsZero() && d.Better == x.Node:
			x.Change = "time: it takes it at " + clock(d.Again)
		default:
			x.Change = fmt.Sprintf("preempt = true in the group; or an operator: holdfast group move %s %s", name, x.Node)
		}
	}
}
