package consensus

import (
	"strconv"
	"time"

	"github.com/hashicorp/raft"
)

// Term is the newest term that this member has seen. It never goes back, over restarts neither.
func (p *Peer) Term() uint64 {
	r := p.raft.Load()
	if r == nil {
		return 0
	}
	return r.CurrentTerm()
}

// Leader is the member that leads as far as this one knows, "" if it knows of none.
func (p *Peer) Leader() (id, addr string) {
	r := p.raft.Load()
	if r == nil {
		return "", ""
	}
	leaderAddr, leaderID := r.LeaderWithID()
	return string(leaderID), string(leaderAddr)
}

// Following says whom this member follows at this moment, in which term, and when it last heard from there; a leader follows
// itself. A member in term n has voted for nobody in a later one. So if a majority answers a question that was asked in term n
// with that term, no later leader had been elected when the question was asked.
func (p *Peer) Following() (leaderID string, term uint64, lastContact time.Duration, ok bool) {
	r, err := p.running()
	if err != nil {
		return "", 0, 0, false
	}
	term = r.CurrentTerm()
	_, id := r.LeaderWithID()
	state := r.State()
	lastContact = p.LastContact()
	// Terms only grow: the term was the same all the while. Raft forgets the leader before it takes up another term.
	if id == "" || state == raft.Candidate || r.CurrentTerm() != term {
		return "", term, lastContact, false
	}
	return string(id), term, lastContact, true
}

// LastContact is the time since this member last heard from a leader, 0 on the leader. While it has heard from none it is the time
// since Open.
func (p *Peer) LastContact() time.Duration {
	r, err := p.running()
	switch {
	case err != nil:
		return 0
	case r.State() == raft.Leader:
		return 0
	}
	last := r.LastContact()
	if last.IsZero() {
		last = p.since
	}
	return time.Since(last)
}

// LastEntry is the newest entry of this member's log, and the term that it is of.
func (p *Peer) LastEntry() (index, term uint64) {
	r, err := p.running()
	if err != nil {
		return 0, 0
	}
	stats := r.Stats()
	index, _ = strconv.ParseUint(stats["last_log_index"], 10, 64)
	term, _ = strconv.ParseUint(stats["last_log_term"], 10, 64) // raft writes both as numbers
	return index, term
}

// CaughtUp reports whether this member has applied, since Open, all that its disk held and a leader has confirmed: from then on its own
// reads are no older than before the restart. A member that joins with an empty disk is caught up with
// its first entries; to be up to date it waits for the leader's ReadIndex as well. Once true it stays true.
func (p *Peer) CaughtUp() bool {
	if p.caught.Load() {
		return true
	}
	r, err := p.running()
	if err != nil || r.CommitIndex() == 0 {
		return false
	}
	// The end of the stored log may never have been committed: it is then replaced, and the log is shorter for a moment.
	target := min(p.stored, r.LastIndex())
	if p.store.AppliedIndex() < target {
		return false
	}
	p.caught.Store(true)
	return true
}
