package plan

import (
	"fmt"
	"slices"
	"time"
)

// choose picks the holder from the ranked verdicts, and says why in a sentence.
func (w *world) choose(s *seat) {
	d, g := &s.decision, s.group
	current := d.Current
	holder := slices.IndexFunc(s.verdicts, func(x verdict) bool { return x.Node == current })
	stays := holder >= 0 && s.verdicts[holder].Eligible
	moved := s.old != nil && s.old.Moved
	d.Fell = current != "" && !stays && (holder < 0 || !s.verdicts[holder].orderly)
	for _, x := range s.verdicts {
		d.Again = sooner(d.Again, x.until)
	}
	if len(s.verdicts) == 0 || !s.verdicts[0].Eligible {
		d.Why = "no machine is eligible"
		if current != "" {
			d.Why = "no machine is eligible any more; " + leaving(current, holder, s.verdicts)
		}
		return
	}
	best := &s.verdicts[0]
	d.Node = current
	switch {
	case stays && moved:
		d.Why = current + " holds it: an operator moved it there, and it is eligible"
	case stays && holder == 0:
		d.Why = fmt.Sprintf("%s holds it and is the best machine: %s", current, best.Why)
	case stays && follows(best, &s.verdicts[holder]):
		d.Node, d.Why = best.Node, fmt.Sprintf("%s is on %s, which it is to be together with", best.together, best.Node)
	case stays && !g.Preempt:
		d.Why = fmt.Sprintf("%s holds it and is eligible; %s would be preferred, but the group does not preempt", current, best.Node)
	case stays:
		w.preempt(s, best)
	case current != "":
		d.Node, d.Why = best.Node, fmt.Sprintf("%s; %s is the best machine left (%s)", leaving(current, holder, s.verdicts), best.Node, best.Why)
	default:
		d.Node, d.Why = best.Node, fmt.Sprintf("%s is the best machine (%s)", best.Node, best.Why)
	}
}

// follows reports whether a group leaves its holder to be together with another.
func follows(best, holder *verdict) bool {
	return best.together != "" && best.apart == "" && holder.together == "" && best.status == holder.status
}

// preempt has the best machine take the group from the holder, once it has been the better one for long enough.
func (w *world) preempt(s *seat, best *verdict) {
	d, delay := &s.decision, s.group.PreemptDelay
	if delay > 0 {
		d.Better, d.BetterSince = best.Node, w.now
		if s.old.Better == best.Node && !s.old.BetterSince.IsZero() {
			d.BetterSince = s.old.BetterSince
		}
		if at := d.BetterSince.Add(delay); at.After(w.now) {
			d.Again = sooner(d.Again, at)
			d.Why = fmt.Sprintf("%s holds it and is eligible; %s is preferred and takes it at %s if nothing changes (preempt_delay %s)", d.Current, best.Node, clock(at), delay)
			return
		}
	}
	d.Node = best.Node
	d.Why = fmt.Sprintf("%s is preferred to %s (%s), and the group preempts", best.Node, d.Current, best.Why)
}

// sooner is the earlier of two times, of which a zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// leaving says why the holder cannot stay.
func leaving(current string, holder int, verdicts []verdict) string {
	if holder < 0 {
		return current + " is no member any more"
	}
	return fmt.Sprintf("%s cannot hold it: %s", current, verdicts[holder].Why)
}
