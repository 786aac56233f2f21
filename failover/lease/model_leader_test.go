package lease

import (
	"strings"
	"time"

	"holdfast/cluster/quorum"
)

// leadership is what a process does as a leader: it stands for failover's Assigner and quorum's Asker.
type leadership struct {
	p     *process
	term  uint64
	first int // the length of the log that has the first entry of this term

	older   *question // until it is answered
	granter *Granter  // nil until then
	early   []*Renewal

	round *question
	going []*waiting // what the round that is under way is for
	next  []*waiting // what the next one is for

	heard map[int]time.Duration // on boot: when a machine renewed last
	since time.Duration

	good time.Duration // on boot: until then default reads need no question
}

// waiting is a renewal that waits for a majority's word.
type waiting struct {
	r *Renewal
	p *Pending
	n *machineModel
}

// question is one that is asked until it is answered.
type question struct {
	q     quorum.Question
	t     *quorum.Tally
	since time.Duration // on boot
	asked time.Duration // on steady
}

func newLeadership(p *process) *leadership {
	l := &leadership{p: p, term: p.m.term, first: len(p.m.log) + 1, heard: map[int]time.Duration{}, since: p.m.boot.read()}
	if p.w.stage == nil {
		p.w.after(0, func() {
			p.m.act(func(now *process) {
				if now.lead == l {
					l.begin()
				}
			})
		})
	}
	return l
}

// begin asks about older leases.
func (l *leadership) begin() { l.ask(quorum.Question{Kind: quorum.Older, Grade: quorum.Read}) }

func (l *leadership) ask(q quorum.Question) {
	w := l.p.w
	q.Nonce, q.Term, q.Span, q.Leader = l.p.m.newNonce(), l.term, w.span(), l.p.m.name
	var names []string
	for _, v := range l.p.m.voters {
		names = append(names, string(v))
	}
	x := &question{q: q, t: quorum.NewTally(l.p.m.name, l.term, names), since: l.p.m.boot.read(), asked: l.p.m.steady.read()}
	if q.Kind == quorum.Older {
		l.older = x
	} else {
		l.round = x
	}
	l.send(x)
}

// send asks everyone; who has answered already is not counted twice.
func (l *leadership) send(x *question) {
	p := l.p
	for _, o := range p.w.machines {
		if o == p.m {
			l.take(x, o, p.word(x.q))
			continue
		}
		if !strings.Contains(p.m.voters, o.name) {
			continue
		}
		p.w.send(p.m, o, x.q, func(q *process) {
			a := q.word(x.q)
			p.w.send(o, p.m, a, func(back *process) {
				if back.lead == l {
					l.take(x, o, a)
				}
			})
		})
	}
}

// word is a voter's answer.
func (p *process) word(q quorum.Question) quorum.Answer {
	s := quorum.Standing{Term: p.m.term, Contact: p.sinceContact()}
	if !p.w.rules.noPeers {
		s.Peers = p.m.peers
	}
	leader, ok := p.following()
	if s.OK = ok; ok {
		s.Leader = p.w.machines[leader].name
	}
	if q.Kind == quorum.Hold {
		return p.promise(q, s)
	}
	before := p.memory
	if q.Kind == quorum.Older && p.w.rules.belowTerm {
		s.Term = max(s.Term, q.Term)
	}
	a := p.memory.Answer(p.m.steady.read(), s, q)
	if q.Kind == quorum.Older && p.w.rules.noPromise {
		p.memory = before
	}
	p.m.provoke()
	p.w.tracef("%s in term %d, behind %v %v, answers %v: %+v", p.m.name, p.m.term, s.Leader, s.OK, q, a)
	return a
}

func (l *leadership) take(x *question, from *machineModel, a quorum.Answer) {
	now := l.p.m.steady.read()
	if l.p.w.rules.fromQuestion {
		now = x.asked
	}
	x.t.Take(from.name, a, now)
	switch {
	case !x.t.Won():
	case x == l.older:
		l.ready()
	case x == l.round:
		l.confirmed()
	}
}

// ready makes the granter once the older leaders' leases are known and their commits applied.
func (l *leadership) ready() {
	w := l.p.w
	if l.granter != nil || l.older == nil || !l.older.t.Won() || l.p.commit < l.first && !w.rules.behind {
		return
	}
	now := l.p.m.steady.read()
	end := max(now, l.older.t.OlderEnd())
	if w.rules.noWait {
		end = now
	}
	l.granter = NewTermGranter(l.term, w.ttl, instant(end))
	if w.rules.noMargin {
		l.granter.margin = 0
	}
	w.tracef("%s grants in term %d, new epochs in %s", l.p.m.name, l.term, end-now)
	for _, r := range l.early {
		l.renewed(r)
	}
	l.early = nil
	l.push()
}

// assigned is the state that the leader grants by.
func (l *leadership) assigned(group string) Assigned {
	p := l.p
	a := l.state()[group]
	if a.epoch == 0 {
		return Assigned{}
	}
	return Assigned{Node: p.w.machines[a.node].name, Epoch: a.epoch}
}

func (p *process) renewed(r *Renewal) {
	if p.lead != nil {
		p.lead.renewed(r)
	}
}

func (l *leadership) renewed(r *Renewal) {
	if l.granter == nil {
		l.early = append(l.early, r)
		return
	}
	w := l.p.w
	l.heard[int(r.Node[0]-'a')] = l.p.m.boot.read()
	x := &waiting{r: r, n: w.machines[int(r.Node[0]-'a')]}
	if w.rules.lateDecision {
		l.next = append(l.next, x)
		l.startRound()
		return
	}
	if !l.decide(x) {
		return
	}
	if len(x.p.Claims) == 0 {
		l.answer(x, x.p.Answer)
		return
	}
	if w.rules.staleWord && l.round != nil {
		l.going = append(l.going, x)
		return
	}
	l.next = append(l.next, x)
	l.startRound()
}

// decide lets the granter decide.
func (l *leadership) decide(x *waiting) bool {
	r := *x.r
	if l.p.w.rules.anyLive {
		r.Live = r.Claims
	}
	if l.p.w.rules.anyTerm {
		r.Term = l.term
	}
	if l.p.w.rules.noOrder {
		clear(l.granter.machines)
	}
	now := instant(l.p.m.steady.read())
	x.p = l.granter.Renew(now, &r, l.assigned)
	if x.p == nil {
		return false
	}
	if len(x.p.Claims) > 0 && now.Before(l.granter.NotBefore()) {
		l.p.w.seen.fast++
	}
	l.p.w.tracef("%s decides on %s's seq %d: %+v", l.p.m.name, r.Node, r.Seq, *x.p)
	if x.p.Freed {
		l.push()
	}
	return true
}

func (l *leadership) startRound() {
	if l.round != nil || len(l.next) == 0 {
		return
	}
	l.going, l.next = l.next, nil
	l.ask(quorum.Question{Kind: quorum.Confirm, Grade: quorum.Lease})
}

// confirmed answers those who waited for the majority's word.
func (l *leadership) confirmed() {
	x, going := l.round, l.going
	l.round, l.going = nil, nil
	trust := (heartbeat - x.t.Contact()) * 3 / 4
	if l.p.w.rules.trustLong {
		trust = heartbeat
	}
	l.good = max(l.good, x.since+trust)
	l.goesOn(func() {
		for _, c := range going {
			if l.p.w.rules.lateDecision && !l.decide(c) {
				continue
			}
			l.answer(c, l.granter.Confirmed(c.p))
		}
		l.startRound()
	})
}

// goesOn is a moment in which the leader may be stopped.
func (l *leadership) goesOn(rest func()) {
	if s := l.p.w.stage; s != nil {
		s.send(l.p.m, l.p.m, nil, func(now *process) {
			if now.lead == l {
				rest()
			}
		})
		return
	}
	l.p.pauseHere(rest)
}

func (l *leadership) answer(x *waiting, a Answer) {
	known := l.state()
	l.p.w.send(l.p.m, x.n, told{a, known}, func(q *process) { q.answered(&a, known) })
}

// told is an answer with the assignments that come along.
type told struct {
	answer      Answer
	assignments map[string]assignment
}

// state are the assignments that the leader goes by.
func (l *leadership) state() map[string]assignment {
	if l.p.w.rules.uncommitted {
		return state(l.p.m.log)
	}
	return l.p.applied
}

// push tells everyone the assignments and what is vacant.
func (l *leadership) push() {
	if l.granter == nil {
		l.ready()
		return
	}
	a := Answer{Term: l.term, TTL: l.p.w.ttl}
	for _, g := range l.p.w.groups {
		x := l.assigned(g)
		if c := (Claim{g, x.Epoch}); x.Node != "" && l.granter.Vacant(instant(l.p.m.steady.read()), c) {
			a.Vacant = append(a.Vacant, c)
		}
	}
	known := l.state()
	for _, m := range l.p.w.machines {
		l.p.w.send(l.p.m, m, told{a, known}, func(q *process) { q.answered(&a, known) })
	}
}

// tick is what time makes a leader do: it asks again who has not answered, and moves groups about.
func (l *leadership) tick() {
	w := l.p.w
	if l.granter == nil && l.older != nil {
		l.send(l.older)
	}
	if x := l.round; x != nil {
		if l.send(x); l.round == x && l.p.m.boot.read()-x.since > 2*time.Second {
			l.round, l.going = nil, nil
			l.startRound()
		}
	}
	if l.granter == nil {
		return
	}
	if w.chance(0.1) {
		l.push()
	}
	for _, g := range w.groups {
		l.steer(g)
	}
	l.read()
}

// steer moves a group away from a machine that is not heard, and sometimes for no reason.
func (l *leadership) steer(group string) {
	w, now := l.p.w, l.p.m.boot.read()
	if w.calm || len(l.p.m.log) > l.p.commit {
		return // one thing at a time
	}
	old := l.p.applied[group]
	silent := now-max(l.heard[old.node], l.since) > w.ttl/3
	if old.epoch > 0 && !silent && !w.chance(0.04) {
		return
	}
	to := w.rng.IntN(len(w.machines))
	if _, ok := l.heard[to]; !ok && w.chance(0.9) {
		return
	}
	w.seen.moves++
	w.tracef("%s assigns %s to %s in epoch %d", l.p.m.name, group, w.machines[to].name, old.epoch+1)
	l.p.propose(entry{group: group, assignment: assignment{node: to, epoch: old.epoch + 1}})
}

// read is a default read on a leader that trusts its last word.
func (l *leadership) read() {
	p := l.p
	if p.w.faults.stand > 0 || p.m.boot.read() >= l.good {
		return
	}
	p.w.seen.reads++
	if p.w.elected > l.term {
		p.w.breaks("%s reads as the leader of term %d while term %d has one", p.m.name, l.term, p.w.elected)
	}
}
