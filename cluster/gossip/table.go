package gossip

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// table is all members as this one sees them. memberlist tells it who came and who is gone, intents tell it why; see the package's
// comment. It is plain state: the pool guards it, and it calls emit and spread, which must not wait.
type table struct {
	self    string
	emit    func(Event)
	spread  func(message.Intent) // sends an intent to all
	clock   clock
	records map[string]*record
	early   map[string]earlyIntent // intents about members that are not known, or no longer

	failedFor time.Duration // how long a failed member is kept
	leftFor   time.Duration // how long one that left is kept
}

// record is one member.
type record struct {
	member cluster.Member
	time   message.Time // of the last intent about it
	gone   time.Time    // when it failed or left
	prune  bool         // to be forgotten as soon as it is gone
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

func newTable(cfg Config, emit func(Event), spread func(message.Intent)) *table {
	return &table{
		self:      cfg.Name,
		emit:      emit,
		spread:    spread,
		records:   map[string]*record{},
		early:     map[string]earlyIntent{},
		failedFor: cfg.ReconnectTimeout,
		leftFor:   cfg.TombstoneTimeout,
	}
}

// joined takes in a member that memberlist holds alive, and held dead or did not know before.
func (t *table) joined(m cluster.Member) {
	r, known := t.records[m.Name]
	if !known {
		r = &record{}
		t.records[m.Name] = r
	}
	m.Status = cluster.StatusAlive
	if e, ok := t.early[m.Name]; ok {
		delete(t.early, m.Name)
		r.time = max(r.time, e.Time)
		if e.Kind == message.LeaveIntent {
			m.Status = cluster.StatusLeaving
		}
	}
	r.member, r.gone, r.prune = m, time.Time{}, false
	t.report(EventJoin, r)
}

// updated takes in new tags.
func (t *table) updated(m cluster.Member) {
	r, known := t.records[m.Name]
	if !known {
		return
	}
	m.Status = r.member.Status
	r.member = m
	t.report(EventUpdate, r)
}

// lost takes in that memberlist holds a member dead: it has left if it said so before, else it has failed.
func (t *table) lost(name string) {
	r, known := t.records[name]
	if !known {
		return
	}
	switch r.member.Status {
	case cluster.StatusLeaving:
		t.left(r)
	case cluster.StatusAlive:
		r.member.Status, r.gone = cluster.StatusFailed, time.Now()
		t.report(EventFail, r)
	}
}

func (t *table) left(r *record) {
	r.member.Status, r.gone = cluster.StatusLeft, time.Now()
	t.report(EventLeave, r)
	if r.prune {
		t.forget(r)
	}
}

func (t *table) forget(r *record) {
	delete(t.records, r.member.Name)
	t.report(EventReap, r)
}

func (t *table) report(what EventType, r *record) {
	m := r.member
	m.Tags = maps.Clone(m.Tags)
	t.emit(Event{Type: what, Member: m})
}

// hear takes in an intent. It is true for one that is news, and is to be spread.
func (t *table) hear(i message.Intent) bool {
	if !t.clock.witness(i.Time) {
		return false
	}
	r, known := t.records[i.Name]
	switch {
	case !known:
		return t.keepEarly(i)
	case i.Name == t.self && i.Kind != message.JoinIntent && i.Time >= r.time && r.member.Status == cluster.StatusAlive:
		t.announce() // we are said to be leaving, and are not; even at the very time at which we said so ourselves
		return false
	case i.Time <= r.time:
		return false
	}
	r.time = i.Time
	if i.Kind == message.JoinIntent {
		t.stays(r)
	} else {
		t.goes(r, i)
	}
	return true
}

// stays takes in that a member is here.
func (t *table) stays(r *record) {
	r.prune = false
	delete(t.early, r.member.Name)
	if r.member.Status == cluster.StatusLeaving {
		r.member.Status = cluster.StatusAlive
		t.report(EventUpdate, r)
	}
}

// goes takes in that a member is about to leave, or is written off.
func (t *table) goes(r *record, i message.Intent) {
	if i.Kind == message.PruneIntent && i.Name != t.self {
		r.prune = true
		t.early[i.Name] = earlyIntent{Intent: i, at: time.Now()} // nobody shall bring it back; its own join may
	}
	switch r.member.Status {
	case cluster.StatusAlive:
		r.member.Status = cluster.StatusLeaving
		t.report(EventUpdate, r)
	case cluster.StatusFailed:
		t.left(r)
	case cluster.StatusLeft:
		if r.prune {
			t.forget(r)
		}
	}
}

// keepEarly keeps an intent about a member that is not known.
func (t *table) keepEarly(i message.Intent) bool {
	if e, ok := t.early[i.Name]; ok && i.Time <= e.Time {
		return false
	}
	if len(t.early) >= maxEarly {
		oldest := slices.MinFunc(slices.Collect(maps.Values(t.early)), func(a, b earlyIntent) int { return a.at.Compare(b.at) })
		delete(t.early, oldest.Name)
	}
	t.early[i.Name] = earlyIntent{Intent: i, at: time.Now()}
	return true
}

// announce tells all that this member is here, later than everything that was said about it.
func (t *table) announce() {
	i := message.Intent{Kind: message.JoinIntent, Name: t.self, Time: t.clock.tick()}
	if r, ok := t.records[t.self]; ok {
		r.time = i.Time
	}
	t.spread(i)
}

// write makes an intent that a member leaves, and takes it in. The caller spreads it.
func (t *table) write(kind message.IntentKind, name string) message.Intent {
	i := message.Intent{Kind: kind, Name: name, Time: t.clock.tick()}
	if r, ok := t.records[name]; ok {
		r.time = i.Time
		t.goes(r, i)
	}
	return i
}

// reap forgets the members that have failed or left for long, and the intents whose members never came.
func (t *table) reap() {
	now := time.Now()
	for _, r := range t.sorted() {
		age := now.Sub(r.gone)
		if r.member.Status == cluster.StatusFailed && age >= t.failedFor || r.member.Status == cluster.StatusLeft && age >= t.leftFor {
			t.forget(r)
		}
	}
	maps.DeleteFunc(t.early, func(_ string, e earlyIntent) bool {
		keep := earlyFor
		if e.Kind == message.PruneIntent {
			keep = max(t.failedFor, t.leftFor) // as long as anybody may still hold the member
		}
		return now.Sub(e.at) >= keep
	})
}

// sorted is the records in the order of the names.
func (t *table) sorted() []*record {
	return slices.SortedFunc(maps.Values(t.records), func(a, b *record) int { return cmp.Compare(a.member.Name, b.member.Name) })
}

// members is everybody, in the order of the names.
func (t *table) members() []cluster.Member {
	members := make([]cluster.Member, 0, len(t.records))
	for _, r := range t.sorted() {
		m := r.member
		m.Tags = maps.Clone(m.Tags)
		members = append(members, m)
	}
	return members
}

// alive is the number of members that memberlist holds alive.
func (t *table) alive() int {
	n := 0
	for _, r := range t.records {
		if r.gone.IsZero() {
			n++
		}
	}
	return n
}
