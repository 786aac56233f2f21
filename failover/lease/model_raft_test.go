package lease

import (
	"slices"
	"time"
)

type role int

const (
	follower role = iota
	candidate
	leading
)

// entry is one of the log: an assignment, or the first entry of a leader, which has no group.
type entry struct {
	term  uint64
	group string
	assignment
}

// following is what quorum asks Raft.
func (p *process) following() (leader int, ok bool) {
	if p.role == leading {
		return p.m.id, true
	}
	return p.leader, p.role == follower && p.leader >= 0
}

// sinceContact is the time since a leader was heard, on a clock that time daemons slew.
func (p *process) sinceContact() time.Duration { return p.m.boot.read() - p.contact }

// raftTick is what time makes Raft do.
func (p *process) raftTick() {
	switch {
	case p.role == leading:
		p.replicate()
		p.lead.tick()
	case p.w.faults.shy && p.sinceContact() < 5*heartbeat+p.w.upTo(5*heartbeat):
		if p.sinceContact() > heartbeat {
			p.leader = -1
		}
	case p.sinceContact() > heartbeat+p.w.upTo(heartbeat):
		p.leader = -1
		p.stand()
	}
	p.catchUp()
	if p.w.faults.crash > 0 && p.w.chance(0.001) && !p.m.setBack {
		p.quit()
	}
}

// stand makes this member a candidate in the next term.
func (p *process) stand() {
	p.follow(p.m.term+1, -1)
	p.role, p.votes = candidate, map[int]bool{p.m.id: true}
	p.m.votedTerm, p.m.voted = p.m.term, p.m.id
	p.contact = p.m.boot.read()
	p.w.tracef("%s stands in term %d", p.m.name, p.m.term)
	term, last, n := p.m.term, p.lastTerm(), len(p.m.log)
	for _, o := range p.w.machines {
		if o != p.m {
			p.w.send(p.m, o, "vote", func(q *process) { q.asked(p.m, term, last, n) })
		}
	}
	p.count()
}

func (p *process) lastTerm() uint64 {
	if len(p.m.log) == 0 {
		return 0
	}
	return p.m.log[len(p.m.log)-1].term
}

// follow takes up a term, and whom to follow in it.
func (p *process) follow(term uint64, leader int) {
	if term > p.m.term {
		p.m.term, p.m.setBack = term, false
	}
	if p.role != follower {
		p.role, p.lead = follower, nil
		p.contact = p.m.boot.read()
	}
	p.leader = leader
}

// asked is a request for a vote.
func (p *process) asked(from *machineModel, term, last uint64, n int) {
	if p.w.faults.stand == 0 {
		known, ok := p.following()
		young := p.m.boot.read()-p.began < heartbeat && !p.w.rules.voteAtStart
		if ok && known != from.id && (p.role == leading || p.sinceContact() < heartbeat) || young {
			return
		}
	}
	if term > p.m.term {
		p.follow(term, -1)
	}
	if term < p.m.term || p.m.votedTerm == term && p.m.voted != from.id || p.m.votedTerm > term || last < p.lastTerm() || last == p.lastTerm() && n < len(p.m.log) {
		return
	}
	p.m.votedTerm, p.m.voted = term, from.id
	p.contact = p.m.boot.read()
	p.w.send(p.m, from, "raft", func(q *process) {
		if q.role == candidate && q.m.term == term {
			q.votes[p.m.id] = true
			q.count()
		}
	})
}

func (p *process) count() {
	if !p.m.majority(func(id int) bool { return p.votes[id] }) {
		return
	}
	p.role, p.leader = leading, p.m.id
	p.match = map[int]int{}
	p.w.elected = max(p.w.elected, p.m.term)
	p.w.seen.elections++
	p.w.tracef("%s leads in term %d", p.m.name, p.m.term)
	p.lead = newLeadership(p)
	p.propose(entry{})
}

// propose appends to the leader's log.
func (p *process) propose(e entry) {
	e.term = p.m.term
	p.m.log = append(slices.Clip(p.m.log), e) // logs are shared by messages under way
	p.replicate()
}

func (p *process) replicate() {
	p.match[p.m.id] = len(p.m.log)
	if p.w.stage != nil {
		p.w.stage.replicate(p)
		return
	}
	p.advance()
	term, log, commit := p.m.term, p.m.log, p.commit
	for _, o := range p.w.machines {
		if o != p.m {
			p.w.send(p.m, o, "raft", func(q *process) { q.append(p.m, term, log, commit) })
		}
	}
}

// append takes the leader's log.
func (p *process) append(from *machineModel, term uint64, log []entry, commit int) {
	if p.w.faults.setBack && p.role == candidate && term+1 == p.m.term && p.w.chance(0.3) {
		p.w.tracef("%s is set back to term %d", p.m.name, term)
		p.m.term, p.m.setBack, p.role = term, true, follower
	}
	if term < p.m.term {
		newer := p.m.term
		p.w.send(p.m, from, "raft", func(q *process) {
			if newer > q.m.term {
				q.follow(newer, -1)
			}
		})
		return
	}
	p.follow(term, from.id)
	p.contact = p.m.boot.read()
	for i := range log {
		if i >= len(p.m.log) || p.m.log[i].term != log[i].term {
			p.m.log = log
			break
		}
	}
	p.commit = max(p.commit, min(commit, len(log)))
	p.catchUp()
	n := len(log)
	p.w.send(p.m, from, "raft", func(q *process) {
		if q.role == leading && q.m.term == term {
			q.match[p.m.id] = max(q.match[p.m.id], n)
			q.advance()
		}
	})
}

// advance commits what a majority has, if it is of this term.
func (p *process) advance() {
	for n := len(p.m.log); n > p.commit && p.m.log[n-1].term == p.m.term; n-- {
		if p.m.majority(func(id int) bool { return p.match[id] >= n }) {
			p.commit = n
			p.catchUp()
			p.lead.push()
			return
		}
	}
}

// majority reports whether so many of the voters that this machine knows of are of a kind.
func (m *machineModel) majority(is func(id int) bool) bool {
	n := 0
	for _, v := range m.voters {
		if is(int(v - 'a')) {
			n++
		}
	}
	return n > len(m.voters)/2
}

// catchUp applies what is committed.
func (p *process) catchUp() {
	p.applied = state(p.m.log[:p.commit])
	for _, g := range p.w.groups {
		p.learn(g, p.applied[g])
	}
	p.reconcile()
}

// state is what a log amounts to.
func state(log []entry) map[string]assignment {
	s := map[string]assignment{}
	for _, e := range log {
		if e.group != "" && e.epoch == s[e.group].epoch+1 { // compare and set
			s[e.group] = e.assignment
		}
	}
	return s
}
