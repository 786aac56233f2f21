package cluster

import "time"

// PlannedMove is an operator's word that a group is to be moved to a machine at a time that is yet to come. Until then the group stays where
// its plan wants it, and the TTL of its DNS names ends with it, so that resolvers ask again as soon as it has moved.
// A PlannedMove that a View hands out is shared and must not be changed.
type PlannedMove struct {
	Group string
	Node  string    // where to
	At    time.Time // by the clock of the leader

	ModifyIndex uint64
}

// MaxPlanAhead is how far ahead a move may be planned.
const MaxPlanAhead = 7 * 24 * time.Hour

// TTL is how long the names of a group may be remembered that could be for ttl otherwise. A nil PlannedMove leaves it as it is.
func (p *PlannedMove) TTL(ttl time.Duration, now time.Time) time.Duration {
	if p == nil {
		return ttl
	}
	return min(ttl, max(0, p.At.Sub(now)))
}
