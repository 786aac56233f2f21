package gossip

import (
	"time"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// entries is what this member tells in a push/pull about everybody it knows, and about those that were pruned.
func (t *table) entries() []message.Entry {
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

// merge takes in what another member knows.
func (t *table) merge(entries []message.Entry) {
	for _, e := range entries {
		i := lastWord(e)
		if e.Time > 0 {
			t.hear(i)
		}
		if e.Gone() && e.Name != t.self {
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
func (t *table) adopt(e message.Entry) {
	if _, known := t.records[e.Name]; known {
		return
	}
	if p, ok := t.early[e.Name]; ok && p.Kind == message.PruneIntent && e.Time <= p.Time {
		return
	}
	status, event, keep := cluster.StatusFailed, EventFail, t.failedFor
	if e.Status == message.EntryLeft {
		status, event, keep = cluster.StatusLeft, EventLeave, t.leftFor
	}
	if e.Age >= keep/10*9 {
		return
	}
	delete(t.early, e.Name)
	r := &record{
		member: cluster.Member{Name: e.Name, Addr: e.Addr, Status: status, Tags: e.Tags},
		time:   e.Time,
		gone:   time.Now().Add(-e.Age),
	}
	t.records[e.Name] = r
	t.report(event, r)
}
