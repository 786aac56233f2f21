package lease

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// step is how far time passes at once in a play: two steps are more than TTL and margin, one is less than the TTL.
const step = 400 * ms

func timePasses(n int) *act { return times(n, "time passes", func(s *stage) { s.pass(step) }) }

// plays are small settings in which everything that can happen happens, in every order. Each is the home of one or more rules of the
// protocol: without the rule it goes wrong.
var plays = map[string]struct {
	play
	depth   int
	without map[string]rules
}{
	"a leader's round is slow, and another is elected meanwhile": {
		play: play{
			machines: 3, slow: []string{"ba word", "ab question"},
			set: func(s *stage) {
				s.begin('a')
				s.isolate("ac", "ca")
				s.pass(step)
			},
			acts: func() []*act {
				return []*act{
					timePasses(2),
					times(2, "a renews", func(s *stage) { s.renew('a') }),
					once("c is elected by b, and assigns itself", func(s *stage) { s.elect('c', "b"); s.assign('c', 'c') }),
					once("c claims", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth: 7,
		without: map[string]rules{
			"a word from before the request counts": {staleWord: true},
			"a new leader does not wait":            {noWait: true},
		},
	},
	"a voter restarts between its word and the election": {
		play: play{
			machines: 3,
			set: func(s *stage) {
				s.isolate("ac", "ca")
				s.begin('a')
			},
			acts: func() []*act {
				return []*act{
					timePasses(1),
					once("a renews", func(s *stage) { s.renew('a') }),
					once("b restarts", func(s *stage) { s.restart('b') }),
					once("c is elected by b, and assigns itself", func(s *stage) { s.elect('c', "b"); s.assign('c', 'c') }),
					once("c claims", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   6,
		without: map[string]rules{"a voter that restarted does not name its start": {noStart: true}},
	},
	"an elector gave its word before, another voter after": {
		play: play{
			machines: 5, slow: []string{"ba word", "ea word", "ab question", "ae question"},
			set: func(s *stage) {
				s.begin('a')
				s.isolate("ac", "ca", "ad", "da")
				s.pass(2 * step)
			},
			acts: func() []*act {
				return []*act{
					once("a renews", func(s *stage) { s.renew('a') }),
					once("c is elected by d and e, and assigns itself", func(s *stage) { s.elect('c', "de"); s.assign('c', 'c') }),
					once("b restarts, and hears from a", func(s *stage) { s.restart('b'); s.hear('b', 'a') }),
				}
			},
		},
		depth:   8,
		without: map[string]rules{"a voter answers below the new term": {belowTerm: true}},
	},
	"raft sets a term back": {
		play: play{
			machines: 5, slow: []string{"ba word", "ea word", "ab question", "ae question"},
			set: func(s *stage) {
				s.begin('a')
				s.isolate("ac", "ca", "ad", "da")
				s.pass(2 * step)
			},
			acts: func() []*act {
				return []*act{
					once("a renews", func(s *stage) { s.renew('a') }),
					once("b stands", func(s *stage) { s.elect('b', "") }),
					once("b is set back", func(s *stage) { s.setBack('b', 'a') }),
					once("c is elected by d and e, and assigns itself", func(s *stage) { s.elect('c', "de"); s.assign('c', 'c') }),
				}
			},
		},
		depth:   8,
		without: map[string]rules{"a voter does not keep what it promised": {noPromise: true}},
	},
	"what was said to an older leader arrives at a new one": {
		play: play{
			machines: 3, slow: []string{"bc renewal"},
			set: func(s *stage) { s.begin('b'); s.renew('a') },
			acts: func() []*act {
				return []*act{
					once("time passes", func(s *stage) { s.pass(2 * step) }),
					once("b renews at c", func(s *stage) { s.renew('b', 'c') }),
					once("a, which does not reach b, assigns itself", func(s *stage) {
						s.reach[0] = []int{2}
						s.isolate("ab", "ba")
						s.assign('a', 'a')
					}),
					once("c is elected by b", func(s *stage) { s.elect('c', "b") }),
					once("c assigns itself", func(s *stage) { s.assign('c', 'c') }),
				}
			},
		},
		depth:   8,
		without: map[string]rules{"it counts": {anyTerm: true}, "anyone renews at once": {anyLive: true}},
	},
	"a leader is stopped before it answers": {
		play: play{
			machines: 3, slow: []string{"aa pause"},
			set: func(s *stage) { s.begin('b'); s.renew('a') },
			acts: func() []*act {
				return []*act{
					timePasses(2),
					once("a, which does not reach b, assigns itself", func(s *stage) {
						s.reach[0] = []int{2}
						s.isolate("ab", "ba")
						s.assign('a', 'a')
					}),
					once("b restarts", func(s *stage) { s.restart('b') }),
					once("c, which a does not hear, is elected by b", func(s *stage) { s.isolate("ac", "ca"); s.elect('c', "b") }),
					once("c assigns b", func(s *stage) { s.assign('c', 'b') }),
				}
			},
		},
		depth:   7,
		without: map[string]rules{"and decides afterwards": {lateDecision: true}},
	},
	"a daemon is restarted in good order": {
		play: play{
			machines: 3, slow: []string{"ba renewal"},
			set: func(s *stage) { s.begin('b') },
			acts: func() []*act {
				return []*act{
					timePasses(1),
					once("b gives back and restarts", func(s *stage) { s.proc('b').quit(); s.restart('b') }),
					times(2, "b hears of a and renews", func(s *stage) { s.hear('b', 'a'); s.renew('b') }),
					once("a assigns c", func(s *stage) { s.reach[0] = []int{2}; s.isolate("ab"); s.assign('a', 'c') }),
					times(2, "c renews", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   6,
		without: map[string]rules{"its messages count in any order": {noOrder: true}},
	},
	"a group moves while messages are slow": {
		play: play{
			machines: 3, slow: []string{"ba renewal", "ab answer"},
			set: func(s *stage) { s.begin('b') },
			acts: func() []*act {
				return []*act{
					timePasses(2),
					times(2, "b renews", func(s *stage) { s.renew('b') }),
					once("a assigns c", func(s *stage) { s.assign('a', 'c') }),
					once("c renews", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth: 6,
		without: map[string]rules{
			"a grant counts though the group was given back": {useGivenBack: true},
			"the holder counts from the answer":              {fromReceipt: true},
		},
	},
	"an assignment that is never committed": {
		play: play{
			machines: 3,
			set: func(s *stage) {
				s.begin('a')
				s.reach[0] = nil
				s.isolate("ac", "ca")
			},
			acts: func() []*act {
				return []*act{
					timePasses(2),
					once("a proposes b", func(s *stage) { s.assign('a', 'b'); s.push('a') }),
					once("b renews", func(s *stage) { s.renew('b') }),
					once("c is elected by b, and assigns itself", func(s *stage) { s.elect('c', "b"); s.assign('c', 'c') }),
					once("c renews", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   7,
		without: map[string]rules{"a leader grants it": {uncommitted: true}},
	},
	"a new leader has not applied everything": {
		play: play{
			machines: 3, slow: []string{"bc raft"},
			set: func(s *stage) { s.begin('c') },
			acts: func() []*act {
				return []*act{
					times(2, "time passes", func(s *stage) { s.pass(2 * step) }),
					once("a assigns b, and c does not hear that this is committed", func(s *stage) { s.commitUnheard('a', 'b', 'c') }),
					once("b renews", func(s *stage) { s.renew('b') }),
					once("c is elected, and its first entry goes nowhere", func(s *stage) { s.mute = true; s.elect('c', "b") }),
					once("b hears from c", func(s *stage) { s.hear('b', 'c') }),
					once("c renews", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   7,
		without: map[string]rules{"it grants by what it has": {behind: true}},
	},
	"a question to a voter arrives late": {
		play: play{
			machines: 3, slow: []string{"cb question"},
			set: func(s *stage) {
				s.isolate("ac", "ca")
				s.begin('a')
			},
			acts: func() []*act {
				return []*act{
					timePasses(3),
					once("a renews", func(s *stage) { s.renew('a') }),
					once("c is elected by b, and assigns itself", func(s *stage) { s.elect('c', "b"); s.assign('c', 'c') }),
					once("c claims", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   7,
		without: map[string]rules{"what is left counts from the question": {fromQuestion: true}},
	},
	"a holder goes on while another is elected": {
		play: play{
			machines: 3,
			set:      func(s *stage) { s.begin('a'); s.renew('b'); s.assign('a', 'b'); s.renew('b'); s.leaderless() },
			acts: func() []*act {
				return []*act{
					timePasses(3),
					times(2, "b holds", func(s *stage) { s.proc('b').hold() }),
					once("c is elected by a, and assigns itself", func(s *stage) { s.isolate("cb", "bc"); s.elect('c', "a"); s.assign('c', 'c') }),
					times(2, "c claims", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   7,
		without: map[string]rules{"who leads later does not wait": {holdUnkept: true}},
	},
	"a holder goes on by a majority that has lost its leader for a moment": {
		play: play{
			machines: 3,
			set:      func(s *stage) { s.begin('b'); s.leaderless(); s.isolate("cb", "bc") },
			acts: func() []*act {
				return []*act{
					timePasses(2),
					once("b holds", func(s *stage) { s.proc('b').hold() }),
					once("c is elected by a, and assigns itself", func(s *stage) { s.elect('c', "a"); s.assign('c', 'c') }),
					once("a loses its leader", func(s *stage) { a := s.proc('a'); a.follow(a.m.term, -1) }),
					once("a hears from c", func(s *stage) { s.hear('a', 'c') }),
					once("c claims", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   7,
		without: map[string]rules{"a majority is enough": {holdMost: true}},
	},
	"a holder asks whether it may go on while somebody leads": {
		play: play{
			machines: 3, slow: []string{"ab answer"},
			set: func(s *stage) { s.begin('b'); s.reach[0] = []int{2} },
			acts: func() []*act {
				return []*act{
					timePasses(3),
					once("b holds", func(s *stage) { s.proc('b').hold() }),
					once("a assigns c", func(s *stage) { s.assign('a', 'c') }),
					once("c claims", func(s *stage) { s.renew('c') }),
				}
			},
		},
		depth:   6,
		without: map[string]rules{"voters promise though they follow somebody": {holdLed: true}},
	},
	"a voter promises after it has granted": {
		play: play{
			machines: 3, slow: []string{"bc question"},
			set: func(s *stage) {
				s.begin('b')
				s.pass(step)
				s.leaderless()
			},
			acts: func() []*act {
				return []*act{
					timePasses(1),
					once("b holds", func(s *stage) { s.proc('b').hold() }),
					once("c is elected by a, and assigns itself", func(s *stage) { s.isolate("cb"); s.elect('c', "a"); s.assign('c', 'c') }),
					once("c claims", func(s *stage) { s.renew('c') }),
					once("nobody leads", func(s *stage) { clear(s.w.cut); s.leaderless() }),
				}
			},
		},
		depth:   7,
		without: map[string]rules{"a lease that has ended is brought back": {holdDead: true}},
	},
	"a holder goes on by a peer set that is over": {
		play: play{
			machines: 5,
			set: func(s *stage) {
				for _, m := range s.w.machines {
					m.voters = "abc"
				}
				s.elect('a', "bc")
				s.reach[0] = []int{1, 2, 3, 4}
				s.assign('a', 'c')
				s.renew('c')
				s.reach[0] = []int{1, 3, 4}
				s.isolate("dc", "cd", "ec", "ce")
			},
			acts: func() []*act {
				return []*act{
					timePasses(3),
					once("d and e join, a and b leave, and c does not hear of it", func(s *stage) { s.peers("abde", "de"); s.leaderless() }),
					times(2, "c holds", func(s *stage) { s.proc('c').hold() }),
					once("d is elected by e, and assigns itself", func(s *stage) { s.elect('d', "e"); s.assign('d', 'd') }),
					times(2, "d claims", func(s *stage) { s.renew('d') }),
				}
			},
		},
		depth:   8,
		without: map[string]rules{"voters promise whatever the holder knows": {holdPeers: true}},
	},
	"the peer set changes in several steps": {
		play: play{
			machines: 5,
			set: func(s *stage) {
				for _, m := range s.w.machines {
					m.voters = "abc"
				}
				s.elect('c', "ab")
				s.reach[2] = []int{1, 3, 4}
				s.isolate("ac", "ca")
				s.assign('c', 'c')
				s.renew('c')
				s.pass(2 * step)
			},
			acts: func() []*act {
				return []*act{
					timePasses(2),
					times(2, "c renews", func(s *stage) { s.renew('c') }),
					once("d and e join, a and b leave", func(s *stage) { s.peers("bcde", "cde") }),
					once("c is lost to the others", func(s *stage) { s.isolate("cd", "dc", "ce", "ec") }),
					once("d is elected by e, and assigns itself", func(s *stage) { s.elect('d', "e"); s.assign('d', 'd') }),
					times(2, "d renews", func(s *stage) { s.renew('d') }),
				}
			},
		},
		depth:   6,
		without: map[string]rules{"a voter does not name the change": {noPeers: true}},
	},
	"anything": {
		play: play{
			machines: 3, slow: []string{"ab renewal", "ba renewal", "cb renewal", "ba word", "bc word", "ba answer", "ab answer"},
			set: func(s *stage) { s.begin('b') },
			acts: func() []*act {
				var acts []*act
				for _, x := range []byte("abc") {
					n := string(x)
					acts = append(acts,
						times(2, n+" renews", func(s *stage) { s.renew(x) }), once(n+" restarts", func(s *stage) { s.restart(x) }),
						once("a assigns "+n, func(s *stage) { s.assign('a', x) }),
					)
				}
				return append(acts,
					timePasses(3), once("c is elected by b", func(s *stage) { s.elect('c', "b") }), times(2, "c assigns c", func(s *stage) { s.assign('c', 'c') }),
					once("b is elected by c", func(s *stage) { s.elect('b', "c") }), once("a hears b", func(s *stage) { s.hear('a', 'b') }),
				)
			},
		},
		depth: 3,
	},
	"default reads": {
		play: play{
			machines: 3, reads: true,
			set: func(s *stage) {
				s.pass(2 * heartbeat) // so that votes are not refused
				s.begin('a')
				s.pass(heartbeat - 100*ms)
				s.isolate("ac", "ca")
			},
			acts: func() []*act {
				return []*act{
					times(5, "50 ms pass", func(s *stage) { s.pass(50 * ms) }),
					once("a asks", func(s *stage) { s.renew('a') }),
					once("b hears from a", func(s *stage) { s.hear('b', 'a') }),
					once("b restarts", func(s *stage) { s.restart('b') }),
					times(2, "c stands", func(s *stage) { s.elect('c', "b") }),
				}
			},
		},
		depth: 7,
		without: map[string]rules{
			"the word holds for the heartbeat timeout": {trustLong: true},
			"a voter that restarted votes at once":     {voteAtStart: true},
		},
	},
}

// isolate cuts links.
func (s *stage) isolate(links ...string) {
	for _, l := range links {
		s.w.cut[[2]int{int(l[0] - 'a'), int(l[1] - 'a')}] = true
	}
}

// peers changes the peer set, for the machines that are told.
func (s *stage) peers(told, voters string) {
	for _, m := range s.w.machines {
		if strings.Contains(told, m.name) {
			m.voters = voters
			m.peers += 4 // one commit after the other
		}
	}
}

// hear is a heartbeat of a leader.
func (s *stage) hear(name, leader byte) {
	p, l := s.proc(name), s.proc(leader)
	if l.lead != nil && p.m.term <= l.m.term {
		p.append(l.m, l.m.term, l.m.log, l.commit)
	}
}

// push lets a leader tell what it goes by.
func (s *stage) push(leader byte) {
	if l := s.proc(leader).lead; l != nil {
		l.push()
	}
}

// setBack is Raft's race: a candidate takes up the term of a leader from before.
func (s *stage) setBack(name, leader byte) {
	p, l := s.proc(name), s.proc(leader)
	if p.role == candidate && p.m.term == l.m.term+1 {
		p.m.term, p.m.setBack = l.m.term, true
		p.follow(l.m.term, l.m.id)
	}
}

// leaderless lets every machine find that nobody leads.
func (s *stage) leaderless() {
	for _, m := range s.w.machines {
		m.proc.follow(m.term, -1)
	}
}

// commitUnheard commits an assignment of which one machine has the entry, but does not know that it is committed.
func (s *stage) commitUnheard(leader, node, deaf byte) {
	p, d := s.proc(leader), s.proc(deaf)
	if p.lead == nil || d.m.term != p.m.term {
		return
	}
	s.isolate(string([]byte{leader, deaf}))
	others := s.reach[p.m.id]
	s.reach[p.m.id] = nil
	for _, id := range others {
		if id != d.m.id {
			s.reach[p.m.id] = append(s.reach[p.m.id], id)
		}
	}
	before := d.commit
	s.assign(leader, node)
	d.append(p.m, p.m.term, p.m.log, before)
}

// TestEveryOrder explores the plays: with the protocol nothing goes wrong in any of their states, and without the rule something does.
func TestEveryOrder(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(plays)) {
		p := plays[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			if effort() > 1 {
				p.depth += 2
			}
			path, states := explore(&p.play, rules{}, p.depth)
			if path != nil {
				t.Fatalf("it broke:\n%s", p.story(rules{}, path))
			}
			t.Logf("%d states in %s", states, time.Since(start).Round(ms))
			for rule, r := range p.without {
				path, _ := explore(&p.play, r, p.depth)
				if path == nil {
					t.Errorf("%s: nothing broke", rule)
				} else if testing.Verbose() {
					t.Logf("%s, after %d choices:\n%s", rule, len(path), p.story(r, path))
				}
			}
		})
	}
}
