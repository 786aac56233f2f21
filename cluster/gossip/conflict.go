package gossip

import (
	"maps"
	"net/netip"
	"time"

	"holdfast/cluster"
)

// conflictPause is the least time between two reports of one conflict.
const conflictPause = time.Minute

// maxConflicts bounds the conflicts that are remembered.
const maxConflicts = 256

// claim is an agent that uses another's name.
type claim struct {
	name string
	addr netip.AddrPort
}

// conflict reports an agent that claims a name which another member has.
func (p *Pool) conflict(other cluster.Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := claim{other.Name, other.Addr}
	if last, ok := p.conflicts[c]; ok && time.Since(last) < conflictPause || len(p.conflicts) >= maxConflicts {
		return
	}
	p.conflicts[c] = time.Now()
	p.log.Error("two agents have one node name: the second is kept out", "member", other.Name, "second", other.Addr)
	p.events.put(Event{Type: EventConflict, Member: other})
}

// forgetConflicts makes room for conflicts to be reported again.
func (p *Pool) forgetConflicts() {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.conflicts, func(_ claim, at time.Time) bool { return time.Since(at) >= conflictPause })
}
