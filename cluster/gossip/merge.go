package gossip

import (
	"time"

	"holdfast/cluster"
)

// entries is what this member tells in a push/pull about everybody it knows, and about those that were pruned.
func (t *table) entries() []entry {
	entries := make([]entry, 0, len(t.records))
	for _, r := range t.sorted() {
		e := entry{status: entryStatus(r.member.Status), time: r.time, name: r.member.Name}
		if e.gone() {
			e.age, e.addr, e.tags = time.Since(r.gone), r.member.Addr, r.member.Tags
		}
		entries = append(entries, e)
	}
	for name, e := range t.early {
		if _, known := t.records[name]; !known && e.kind == pruneIntent {
			entries = append(entries, entry{status: entryPruned, time: e.time, name: name})
		}
	}
	return entries
}

// merge takes in what another member knows.
func (t *table) merge(entries []entry) {
	for _, e := range entries {
		i := e.intent()
		if e.time > 0 {
			t.hear(i)
		}
		if e.gone() && e.name != t.self {
			t.adopt(e)
		}
	}
}

// intent is the last thing that was said about the member of an entry. A failed one had last said that it was here.
func (e entry) intent() intent {
	i := intent{kind: joinIntent, name: e.name, time: e.time}
	switch e.status {
	case entryLeaving, entryLeft:
		i.kind = leaveIntent
	case entryPruned:
		i.kind = pruneIntent
	}
	return i
}

// adopt takes in a member that failed or left before this one knew it, unless it was pruned, or is about to be reaped anyway (it may just have been here).
func (t *table) adopt(e entry) {
	if _, known := t.records[e.name]; known {
		return
	}
	if p, ok := t.early[e.name]; ok && p.kind == pruneIntent && e.time <= p.time {
		return
	}
	status, event, keep := cluster.StatusFailed, EventFail, t.failedFor
	if e.status == entryLeft {
		status, event, keep = cluster.StatusLeft, EventLeave, t.leftFor
	}
	if e.age >= keep/10*9 {
		return
	}
	delete(t.early, e.name)
	r := &record{
		member: cluster.Member{Name: e.name, Addr: e.addr, Status: status, Tags: e.tags},
		time:   e.time,
		gone:   time.Now().Add(-e.age),
	}
	t.records[e.name] = r
	t.report(event, r)
}
