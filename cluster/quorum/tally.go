package quorum

import (
	"slices"
	"time"
)

// Tally counts the answers to one question. It is pure: its times are readings of the asker's steady clock.
type Tally struct {
	self    string
	term    uint64
	open    map[string]bool // voters that have said neither yes nor that they have gone on to a later term
	need    int             // a majority
	spare   int             // how many more voters may be lost without losing the majority
	yes     int
	contact time.Duration   // the longest of those who said yes, the asker aside
	own     time.Duration   // when the leases that the asker itself knows of have ended
	ends    []time.Duration // the same for the other voters, the earliest first
}

// NewTally makes the tally of a question that self, who need not be a voter, asks in its term.
func NewTally(self string, term uint64, voters []string) *Tally {
	t := &Tally{self: self, term: term, need: len(voters)/2 + 1, open: map[string]bool{}}
	for _, v := range voters {
		t.open[v] = true
	}
	t.spare = len(t.open) - t.need
	return t
}

// Take counts the answer of a voter that arrived at now. A voter counts once.
func (t *Tally) Take(voter string, a Answer, now time.Duration) {
	if voter == t.self && a.Yes {
		t.own = now + a.Left
	}
	if !t.open[voter] {
		return
	}
	switch {
	case a.Yes:
		t.yes++
		if voter != t.self {
			t.contact = max(t.contact, a.Contact)
			i, _ := slices.BinarySearch(t.ends, now+a.Left)
			t.ends = slices.Insert(t.ends, i, now+a.Left)
		}
	case a.Term > t.term:
		t.spare--
	default:
		return // it may say yes when it is asked again
	}
	delete(t.open, voter)
}

// Won reports whether a majority has said yes.
func (t *Tally) Won() bool { return t.yes >= t.need }

// Lost reports whether so many voters have gone on to a later term that there is no majority left to win.
func (t *Tally) Lost() bool { return t.spare < 0 }

// Complete reports whether no voter is left to answer.
func (t *Tally) Complete() bool { return len(t.open) == 0 }

// Contact is the longest time since a voter of the majority, the asker aside, had heard from the leader.
func (t *Tally) Contact() time.Duration { return t.contact }

// OlderEnd is when no lease of an older leader can live any more. Every majority says so rightly, therefore the earliest counts; but the
// asker is always of the party, because it knows best when its peer set changed.
func (t *Tally) OlderEnd() time.Duration {
	n := t.need - (t.yes - len(t.ends)) // that many of the others
	if n <= 0 {
		return t.own
	}
	return max(t.own, t.ends[n-1])
}
