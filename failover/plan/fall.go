package plan

import (
	"fmt"
	"slices"
	"time"

	"holdfast/cluster"
)

// A machine that loses a group against its will has fallen. The first fall costs nothing; from the second in a row on it is held down for
// the group's hold_down, which doubles each time. What is longer ago than forgive, and than twice the last hold-down, is forgotten.
const forgive = 2 * time.Minute

func forgotten(g *cluster.Group, f cluster.Fall, now time.Time) bool {
	return now.Sub(f.Last) > max(forgive, 2*g.HeldFor(f.Times))
}

// Fell is the falls of a group after one of a machine.
func Fell(g *cluster.Group, falls []cluster.Fall, node string, now time.Time) []cluster.Fall {
	var out []cluster.Fall
	next := cluster.Fall{Node: node, Times: 1, Last: now}
	for _, f := range falls {
		switch {
		case forgotten(g, f, now):
		case f.Node == node:
			next.Times = f.Times + 1
		default:
			out = append(out, f)
		}
	}
	return append(out, next)
}

// down notes that the machine is held down for the group, if it is.
func (x *verdict) down(g *cluster.Group, a *cluster.Assignment, now time.Time) {
	if a == nil || !x.Eligible || x.holds {
		return
	}
	i := slices.IndexFunc(a.Falls, func(f cluster.Fall) bool { return f.Node == x.Node })
	if i < 0 || forgotten(g, a.Falls[i], now) {
		return
	}
	f := a.Falls[i]
	if until := f.Last.Add(g.HeldFor(f.Times)); until.After(now) {
		x.until = until
		x.fall = fmt.Sprintf("it lost the group %d times in a row and is held down until %s", f.Times, clock(until))
	}
}

// clock is a time for people; all members say the same.
func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
