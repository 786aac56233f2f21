package membership

import (
	"time"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// Tell adds to a state what this member tells in a push/pull about everybody it knows, and about those that were pruned.
func (t *Table) Tell(s *message.State) { s.Clock, s.Known = t.clock.now, t.entries() }

func (t *Table) entries() []message.Entry {
	entries := make([]message.Entry, 0, len(t.records))
	for _, r := range t.sorted() {
		e := message.Entry{Status: message.EntryStatus(r.member.Status), Time: r.time, Name: r.member.Name}
		if e.Gone() {
			e.Age, e.Addr, e.Tags = time.Since(r.gone), r.member.Addr, r.member.Tags
		}
		entries = append(entries, e)
	}
	for name, e := range t.early {
		if _, known := t.records[name]; !known && e.Kind == message.PruneIntent {
			entries = append(entries, message.Entry{Status: message.EntryPruned, Time: e.Time, Name: name})
		}
	}
	return entries
}

// Merge takes in what another member has told.
func (t *Table) Merge(s message.State) {
	t.clock.witness(s.Clock)
	for _, e := range s.Known {
		if e.Time > 0 {
			t.Hear(lastWord(e))
		}
		if e.Gone() && e.Name != t.cfg.Self {
			t.adopt(e)
		}
	}
}

// lastWord is the last thing that was said about the member of an entry. A failed one had last said that it was here.
func lastWord(e message.Entry) message.Intent {
	i := message.Intent{Kind: message.JoinIntent, Name: e.Name, Time: e.Time}
	switch e.Status {
	case message.EntryLeaving, message.EntryLeft:
		i.Kind = message.LeaveIntent
	case message.EntryPruned:
		i.Kind = message.PruneIntent
	}
	return i
}

// adopt takes in a member that failed or left before this one knew it, unless it was pruned, or is about to be reaped anyway (it may just have been here).
func (t *Table) adopt(e message.Entry) {
	if _, known := t.records[e.Name]; known {
		return
	}
	if p, ok := t.early[e.Name]; ok && p.Kind == message.PruneIntent && e.Time <= p.Time {
		return
	}
	status, change, keep := cluster.StatusFailed, Fail, t.cfg.FailedFor
	if e.Status == message.EntryLeft {
		status, change, keep = cluster.StatusLeft, Leave, t.cfg.LeftFor
	}
	if e.Age >= keep/10*9 {
		return
	}
	delete(t.early, e.Name)
	r := &record{
		member: cluster.Member{Name: e.Name, Addr: e.Addr, Status: status, Tags: e.Tags},
		time:   e.Time,
		kind:   lastWord(e).Kind,
		gone:   time.Now().Add(-e.Age),
	}
	t.records[e.Name] = r
	t.report(change, r)
}
