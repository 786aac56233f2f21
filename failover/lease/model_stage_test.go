package lease

import (
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"time"

	"holdfast/cluster/quorum"
)

// A stage is a world without chance. What happens next is chosen: one of the messages under way arrives, or one of the acts of the play is
// played. A test takes every choice in every state, so all orders of messages and acts are seen; that a message never arrives, or that an
// act is never played, is among them.
type stage struct {
	w       *world
	acts    []*act
	slow    []string      // "ab word": words from a to b arrive whenever it is chosen, what is not listed at once. "aa pause" is a's own
	mute    bool          // what a leader appends first reaches nobody
	reach   map[int][]int // the machines that a leader's log reaches, beside itself
	pending []letter
	sent    []letter // everything
}

// act is something that may happen in a play, up to a number of times.
type act struct {
	name  string
	times int
	do    func(s *stage)
}

type letter struct {
	link string
	what any
	do   func()
}

func (l letter) String() string { return fmt.Sprintf("%s %s %+v", l.link, kind(l.what), l.what) }

// play is a setting and its acts.
type play struct {
	machines int
	slow     []string
	reads    bool // default reads are looked at: votes are refused while there is a leader
	set      func(s *stage)
	acts     func() []*act
}

func (p *play) open(r rules) *stage {
	w := newWorld(1, p.machines, r, faults{stand: 1})
	if p.reads {
		w.faults.stand = 0
	}
	s := &stage{w: w, acts: p.acts(), reach: map[int][]int{}}
	w.stage, w.queue, w.now = s, nil, time.Second
	p.set(s)
	s.slow = p.slow
	return s
}

func (s *stage) send(from, to *machineModel, what any, deliver func(p *process)) {
	link := from.name + to.name
	s.sent = append(s.sent, letter{link, what, nil})
	if s.w.cut[[2]int{from.id, to.id}] {
		return
	}
	if !slices.Contains(s.slow, link+" "+kind(what)) {
		to.act(deliver)
		return
	}
	s.pending = append(s.pending, letter{link, what, func() { to.act(deliver) }})
}

// kind is what sort of message something is.
func kind(what any) string {
	switch what := what.(type) {
	case string:
		return what
	case *Renewal:
		return "renewal"
	case quorum.Question:
		return "question"
	case quorum.Answer:
		return "word"
	case told:
		return "answer"
	}
	return "pause"
}

// replicate brings a leader's log to whom it reaches, and commits.
func (s *stage) replicate(p *process) {
	for range 2 { // the second time with the commit index
		for _, id := range s.reach[p.m.id] {
			if q := s.w.machines[id].proc; q != nil && q.m.term <= p.m.term {
				q.append(p.m, p.m.term, p.m.log, p.commit)
				p.match[id] = len(p.m.log)
			}
		}
		p.advance()
	}
}

func (s *stage) proc(name byte) *process { return s.w.machines[name-'a'].proc }

// elect makes one machine the leader by the votes of others. Its log reaches them from then on.
func (s *stage) elect(name byte, voters string) {
	p := s.proc(name)
	term := p.m.term
	if s.canVote(p, voters) {
		p.follow(term+1, -1)
		p.role, p.votes = candidate, map[int]bool{p.m.id: true}
		p.m.votedTerm, p.m.voted = p.m.term, p.m.id
		s.reach[p.m.id] = nil
		for i := range voters {
			q := s.proc(voters[i])
			q.follow(p.m.term, -1)
			q.m.votedTerm, q.m.voted = p.m.term, p.m.id
			q.contact = q.m.boot.read()
			p.votes[q.m.id] = true
			if !s.mute {
				s.reach[p.m.id] = append(s.reach[p.m.id], q.m.id)
			}
		}
		p.count()
		if p.lead != nil {
			p.lead.begin()
		}
	}
}

func (s *stage) canVote(p *process, voters string) bool {
	if s.w.faults.stand == 0 && p.sinceContact() < heartbeat {
		return false
	}
	for i := range voters {
		q := s.proc(voters[i])
		if q.m.term > p.m.term || q.lastTerm() > p.lastTerm() || q.lastTerm() == p.lastTerm() && len(q.m.log) > len(p.m.log) {
			return false
		}
		known, ok := q.following()
		young := q.m.boot.read()-q.began < heartbeat && !s.w.rules.voteAtStart
		if s.w.faults.stand == 0 && (ok && known != p.m.id && q.sinceContact() < heartbeat || young) {
			return false
		}
	}
	return true
}

// assign lets a leader propose that a machine holds the group.
func (s *stage) assign(leader, node byte) {
	if p := s.proc(leader); p.lead != nil {
		e := state(p.m.log)["g"].epoch + 1
		p.propose(entry{group: "g", assignment: assignment{node: int(node - 'a'), epoch: e}})
	}
}

// restart is a crash of a daemon that comes back at once.
func (s *stage) restart(name byte) {
	m := s.w.machines[name-'a']
	m.proc, m.inbox = nil, nil
	m.start()
}

// renew lets a machine look at its clock and send a renewal to its leader, or to another machine.
func (s *stage) renew(name byte, to ...byte) {
	p := s.proc(name)
	p.reconcile()
	for _, x := range to {
		p.renewAt(int(x - 'a'))
	}
	if len(to) == 0 {
		p.renew()
	}
}

func (s *stage) pass(d time.Duration) { s.w.now += d }

// once, some and the rest make acts.
func once(name string, do func(s *stage)) *act { return &act{name, 1, do} }

func times(n int, name string, do func(s *stage)) *act { return &act{name, n, do} }

// choices are what can happen next: the messages under way first, then the acts.
func (s *stage) choices() []int {
	var out []int
	for i := range s.pending {
		out = append(out, i)
	}
	for i, a := range s.acts {
		if a.times > 0 {
			out = append(out, len(s.pending)+i)
		}
	}
	return out
}

// choose lets a choice happen.
func (s *stage) choose(i int) {
	if i < len(s.pending) {
		l := s.pending[i]
		if s.w.tracing {
			s.w.tracef("-> %s", l)
		}
		s.pending = slices.Delete(s.pending, i, i+1)
		l.do()
	} else {
		a := s.acts[i-len(s.pending)]
		a.times--
		s.w.tracef("** %s", a.name)
		a.do(s)
	}
	for _, m := range s.w.machines {
		if m.proc != nil && m.proc.lead != nil {
			m.proc.lead.read()
		}
	}
}

// explore takes every choice in every state, up to depth choices deep, and returns the choices that broke something, nil for none, and the
// number of states seen.
func explore(p *play, r rules, depth int) ([]int, int) {
	seed := maphash.MakeSeed()
	visited := map[uint64]bool{}
	level := [][]int{nil}
	for range depth {
		var next [][]int
		for _, path := range level {
			s := p.replay(r, path)
			for n, i := range s.choices() {
				if n > 0 {
					s = p.replay(r, path)
				}
				s.choose(i)
				longer := append(slices.Clone(path), i)
				if s.w.broken != "" {
					return longer, len(visited)
				}
				if h := s.fingerprint(seed); !visited[h] {
					visited[h] = true
					next = append(next, longer)
				}
			}
		}
		level = next
	}
	return nil, len(visited)
}

func (p *play) replay(r rules, path []int) *stage {
	s := p.open(r)
	for _, i := range path {
		s.choose(i)
	}
	return s
}

// story tells what a path of choices does.
func (p *play) story(r rules, path []int) string {
	s := p.open(r)
	s.w.tracing = true
	for _, i := range path {
		s.choose(i)
	}
	return s.w.story(200)
}

// fingerprint tells states apart by all that can matter.
func (s *stage) fingerprint(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	fmt.Fprint(&h, s.w.now, s.reach, s.w.elected, s.w.highest, len(s.w.owner))
	for _, a := range s.acts {
		fmt.Fprint(&h, a.times)
	}
	var labels []string
	for _, l := range s.pending {
		labels = append(labels, l.String())
	}
	slices.Sort(labels)
	fmt.Fprint(&h, labels)
	for _, m := range s.w.machines {
		m.print(&h)
	}
	return h.Sum64()
}

func (m *machineModel) print(w io.Writer) {
	p := m.proc
	fmt.Fprint(w, m.term, m.votedTerm, m.voted, m.log, m.kernel, m.setBack, m.peers, p.role, p.leader, p.contact, p.commit, p.began, p.known, p.carried, p.memory)
	p.holder.print(w)
	l := p.lead
	if l == nil {
		return
	}
	fmt.Fprint(w, l.term, l.good, len(l.early))
	for _, x := range []*question{l.older, l.round} {
		if x != nil {
			fmt.Fprint(w, x.q, *x.t, x.asked)
		}
	}
	for _, x := range slices.Concat(l.going, []*waiting{nil}, l.next) {
		if x != nil {
			fmt.Fprint(w, *x.r)
			if x.p != nil {
				fmt.Fprint(w, *x.p)
			}
		} else {
			fmt.Fprint(w, "|")
		}
	}
	if l.granter != nil {
		l.granter.print(w)
	}
}

func (h *Holder) print(w io.Writer) {
	fmt.Fprint(w, h.run, h.seq, h.term, h.news, h.released, h.sent)
	for _, g := range slices.Sorted(maps.Keys(h.held)) {
		fmt.Fprint(w, g, *h.held[g])
	}
}

func (g *Granter) print(w io.Writer) {
	fmt.Fprint(w, g.notBefore.UnixNano())
	for _, n := range slices.Sorted(maps.Keys(g.groups)) {
		x := g.groups[n]
		fmt.Fprint(w, n, x.node, x.epoch, x.end.UnixNano(), x.released)
	}
	for _, n := range slices.Sorted(maps.Keys(g.machines)) {
		fmt.Fprint(w, n, *g.machines[n])
	}
}

// begin elects a with everyone's votes and lets a machine hold the group in epoch 1.
func (s *stage) begin(holder byte) {
	others := "bcde"[:len(s.w.machines)-1]
	s.elect('a', others)
	s.assign('a', holder)
	s.renew(holder)
	if !s.w.machines[holder-'a'].live("g") {
		panic("the play does not begin with a live lease")
	}
}
