package membership

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// Config says whose table it is, and what comes of it.
type Config struct {
	Self      string
	FailedFor time.Duration                // how long a failed member is kept
	LeftFor   time.Duration                // how long one that left is kept
	Report    func(Change, cluster.Member) // takes a change, with the member as it is after it
	Spread    func(message.Intent)         // sends an intent to all
}

// Table is all members as this one sees them.
type Table struct {
	cfg     Config
	clock   clock
	records map[string]*record
	early   map[string]earlyIntent // intents about members that are not known, or no longer
}

// record is one member.
type record struct {
	member cluster.Member
	time   message.Time       // of the last intent about it
	kind   message.IntentKind // of that
	gone   time.Time          // when it failed or left
	prune  bool               // to be forgotten as soon as it is gone
}

// clone is the member, with tags that its owner may change.
func (r *record) clone() cluster.Member {
	m := r.member
	m.Tags = maps.Clone(m.Tags)
	return m
}

// earlyIntent is an intent that waits for its member to be known.
type earlyIntent struct {
	message.Intent
	at time.Time
}

const (
	maxEarly = 1024            // intents about unknown members that are kept
	earlyFor = 5 * time.Minute // how long they are
)

// NewTable is a table without members, this one included: it joins like any other.
func NewTable(cfg Config) *Table {
	return &Table{cfg: cfg, records: map[string]*record{}, early: map[string]earlyIntent{}}
}

// Joined takes in a member that memberlist holds alive, and held dead or did not know before.
func (t *Table) Joined(m cluster.Member) {
	r, known := t.records[m.Name]
	if !known {
		r = &record{}
		t.records[m.Name] = r
	}
	m.Status = cluster.StatusAlive
	if e, ok := t.early[m.Name]; ok {
		delete(t.early, m.Name)
		if e.Time >= r.time {
			r.time, r.kind = e.Time, e.Kind
		}
		if e.Kind == message.LeaveIntent {
			m.Status = cluster.StatusLeaving
		}
	}
	r.member, r.gone, r.prune = m, time.Time{}, false
	t.report(Join, r)
}

// Updated takes in new tags.
func (t *Table) Updated(m cluster.Member) {
	r, known := t.records[m.Name]
	if !known {
		return
	}
	m.Status = r.member.Status
	r.member = m
	t.report(Update, r)
}

// Lost takes in that memberlist holds a member dead: it has left if it said so before, else it has failed.
func (t *Table) Lost(name string) {
	r, known := t.records[name]
	if !known {
		return
	}
	switch r.member.Status {
	case cluster.StatusLeaving:
		t.left(r)
	case cluster.StatusAlive:
		r.member.Status, r.gone = cluster.StatusFailed, time.Now()
		t.report(Fail, r)
	}
}

func (t *Table) left(r *record) {
	r.member.Status, r.gone = cluster.StatusLeft, time.Now()
	t.report(Leave, r)
	if r.prune {
		t.forget(r)
	}
}

func (t *Table) forget(r *record) {
	delete(t.records, r.member.Name)
	t.report(Reap, r)
}

func (t *Table) report(c Change, r *record) { t.cfg.Report(c, r.clone()) }

// Hear takes in an intent. It is true for one that is news, and is to be spread.
func (t *Table) Hear(i message.Intent) bool {
	if !t.clock.witness(i.Time) {
		return false
	}
	r, known := t.records[i.Name]
	switch {
	case !known:
		return t.keepEarly(i)
	case i.Name == t.cfg.Self && i.Kind != message.JoinIntent && i.Time >= r.time && r.member.Status == cluster.StatusAlive:
		t.Announce() // we are said to be leaving, and are not; even at the very time at which we said so ourselves
		return false
	case !later(i, r.time, r.kind):
		return false
	}
	r.time, r.kind = i.Time, i.Kind
	if i.Kind == message.JoinIntent {
		t.stays(r)
	} else {
		t.goes(r, i)
	}
	return true
}

// later reports whether an intent counts more than one of a time and a kind about the same member. Two members may have spoken at one time: then it goes, and
// says so if it does not.
func later(i message.Intent, than message.Time, kind message.IntentKind) bool {
	return i.Time > than || i.Time == than && i.Time > 0 && i.Kind > kind
}

// stays takes in that a member is here.
func (t *Table) stays(r *record) {
	r.prune = false
	delete(t.early, r.member.Name)
	if r.member.Status == cluster.StatusLeaving {
		r.member.Status = cluster.StatusAlive
		t.report(Update, r)
	}
}

// goes takes in that a member is about to leave, or is written off.
func (t *Table) goes(r *record, i message.Intent) {
	if i.Kind == message.PruneIntent && i.Name != t.cfg.Self {
		r.prune = true
		t.early[i.Name] = earlyIntent{Intent: i, at: time.Now()} // nobody shall bring it back; its own join may
	}
	switch r.member.Status {
	case cluster.StatusAlive:
		r.member.Status = cluster.StatusLeaving
		t.report(Update, r)
	case cluster.StatusFailed:
		t.left(r)
	case cluster.StatusLeft:
		if r.prune {
			t.forget(r)
		}
	}
}

// keepEarly keeps an intent about a member that is not known.
func (t *Table) keepEarly(i message.Intent) bool {
	if e, ok := t.early[i.Name]; ok && !later(i, e.Time, e.Kind) {
		return false
	}
	if len(t.early) >= maxEarly {
		oldest := slices.MinFunc(slices.Collect(maps.Values(t.early)), func(a, b earlyIntent) int { return a.at.Compare(b.at) })
		delete(t.early, oldest.Name)
	}
	t.early[i.Name] = earlyIntent{Intent: i, at: time.Now()}
	return true
}

// Announce tells all that this member is here, later than everything that was said about it.
func (t *Table) Announce() {
	i := message.Intent{Kind: message.JoinIntent, Name: t.cfg.Self, Time: t.clock.tick()}
	if r, ok := t.records[t.cfg.Self]; ok {
		r.time, r.kind = i.Time, i.Kind
	}
	t.cfg.Spread(i)
}

// Leave takes in that this member is about to leave. The caller spreads the intent.
func (t *Table) Leave() message.Intent { return t.write(message.LeaveIntent, t.cfg.Self) }

// WriteOff tells all that a member which is gone is not to come back, and, with prune, that it is to be forgotten. It is false for one that is not known.
func (t *Table) WriteOff(name string, prune bool) bool {
	if _, known := t.records[name]; !known {
		return false
	}
	kind := message.LeaveIntent
	if prune {
		kind = message.PruneIntent
	}
	t.cfg.Spread(t.write(kind, name))
	return true
}

// write makes an intent that a member leaves, and takes it in.
func (t *Table) write(kind message.IntentKind, name string) message.Intent {
	i := message.Intent{Kind: kind, Name: name, Time: t.clock.tick()}
	if r, ok := t.records[name]; ok {
		r.time, r.kind = i.Time, i.Kind
		t.goes(r, i)
	}
	return i
}

// Reap forgets the members that have failed or left for long, and the intents whose members never came.
func (t *Table) Reap() {
	now := time.Now()
	for _, r := range t.sorted() {
		age := now.Sub(r.gone)
		if r.member.Status == cluster.StatusFailed && age >= t.cfg.FailedFor || r.member.Status == cluster.StatusLeft && age >= t.cfg.LeftFor {
			t.forget(r)
		}
	}
	maps.DeleteFunc(t.early, func(_ string, e earlyIntent) bool {
		keep := earlyFor
		if e.Kind == message.PruneIntent {
			keep = max(t.cfg.FailedFor, t.cfg.LeftFor) // as long as anybody may still hold the member
		}
		return now.Sub(e.at) >= keep
	})
}

// sorted is the records in the order of the names.
func (t *Table) sorted() []*record {
	return slices.SortedFunc(maps.Values(t.records), func(a, b *record) int { return cmp.Compare(a.member.Name, b.member.Name) })
}

// Member is one of them, false where it is not known.
func (t *Table) Member(name string) (cluster.Member, bool) {
	r, known := t.records[name]
	if !known {
		return cluster.Member{}, false
	}
	return r.clone(), true
}

// Members is everybody, in the order of the names.
func (t *Table) Members() []cluster.Member {
	members := make([]cluster.Member, 0, len(t.records))
	for _, r := range t.sorted() {
		members = append(members, r.clone())
	}
	return members
}

// All is everybody, in no order, with whether memberlist holds it alive. The tags are the table's own.
func (t *Table) All() iter.Seq2[cluster.Member, bool] {
	return func(yield func(cluster.Member, bool) bool) {
		for _, r := range t.records {
			if !yield(r.member, r.gone.IsZero()) {
				return
			}
		}
	}
}
