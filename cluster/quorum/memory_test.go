package quorum

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// span is TTL and margin in these tests.
const span = 800 * ms

func following(leader string, term uint64) Standing {
	return Standing{Leader: leader, Term: term, Contact: 20 * ms, OK: true, Peers: 1}
}

func ask(kind Kind, g Grade, leader string, term uint64) Question {
	return Question{Kind: kind, Grade: g, Nonce: 1, Term: term, Leader: leader, Span: span}
}

// step is one question at a voter, and what it must answer.
type step struct {
	at    time.Duration
	where Standing
	q     Question
	yes   bool
	left  time.Duration
}

func run(t *testing.T, m *Memory, steps []step) {
	t.Helper()
	for i, s := range steps {
		a := m.Answer(s.at, s.where, s.q)
		if a.Yes != s.yes || a.Left != s.left || a.Term != s.where.Term || a.Nonce != s.q.Nonce {
			t.Errorf("step %d: got %+v, want yes %v and %s left", i+1, a, s.yes, s.left)
		}
	}
}

func TestMemory(t *testing.T) {
	none := Standing{Term: 4, Peers: 1} // in term 4, without a leader
	for name, steps := range map[string][]step{
		"it confirms whom it follows, in exactly that term": {
			{at: 1, where: following("a", 3), q: ask(Confirm, Read, "a", 3), yes: true},
			{at: 2, where: following("a", 3), q: ask(Confirm, Read, "b", 3)},
			{at: 3, where: following("a", 3), q: ask(Confirm, Read, "a", 2)},
			{at: 4, where: following("a", 3), q: ask(Confirm, Read, "a", 4)},
			{at: 5, where: Standing{Leader: "a", Term: 3}, q: ask(Confirm, Lease, "a", 3)},
		},
		"a word in lease grade is remembered": {
			{at: 10 * time.Second, where: following("a", 3), q: ask(Confirm, Lease, "a", 3), yes: true},
			{at: 10*time.Second + 300*ms, where: none, q: ask(Older, Read, "b", 4), yes: true, left: 500 * ms},
		},
		"a word for a read is not": {
			{at: 9 * time.Second, where: following("a", 3), q: ask(Confirm, Lease, "a", 3), yes: true},
			{at: 10 * time.Second, where: following("a", 3), q: ask(Confirm, Read, "a", 3), yes: true},
			{at: 10 * time.Second, where: none, q: ask(Older, Read, "b", 4), yes: true},
		},
		"the newest word counts, in whichever older term": {
			{at: 10 * time.Second, where: following("a", 3), q: ask(Confirm, Lease, "a", 3), yes: true},
			{at: 10*time.Second + 100*ms, where: following("a", 3), q: ask(Confirm, Lease, "a", 3), yes: true},
			{at: 10*time.Second + 200*ms, where: following("b", 5), q: ask(Confirm, Lease, "b", 5), yes: true},
			{at: 10*time.Second + 300*ms, where: following("b", 5), q: ask(Older, Read, "b", 5), yes: true, left: 600 * ms},
			{at: 10*time.Second + 400*ms, where: Standing{Term: 6, Peers: 1}, q: ask(Older, Read, "c", 6), yes: true, left: 600 * ms},
		},
		"a leader that may grant longer leases is remembered for longer": {
			{at: 10 * time.Second, where: following("a", 3), q: Question{Kind: Confirm, Grade: Lease, Nonce: 1, Term: 3, Leader: "a", Span: 3 * time.Second}, yes: true},
			{at: 11 * time.Second, where: none, q: ask(Older, Read, "b", 4), yes: true, left: 2 * time.Second},
		},
		"older leaders get its word no more, even if raft went back to them": {
			{at: 10 * time.Second, where: none, q: ask(Older, Read, "b", 4), yes: true},
			{at: 11 * time.Second, where: following("a", 3), q: ask(Confirm, Lease, "a", 3)},
			{at: 11 * time.Second, where: following("a", 3), q: ask(Confirm, Read, "a", 3)},
			{at: 12 * time.Second, where: following("b", 4), q: ask(Confirm, Lease, "b", 4), yes: true},
		},
		"it gave its word in a later term": {
			{at: 10 * time.Second, where: following("b", 4), q: ask(Confirm, Read, "b", 4), yes: true},
			{at: 11 * time.Second, where: following("a", 3), q: ask(Confirm, Lease, "a", 3)},
		},
		"whoever is not in the new term yet cannot say how things were before it": {
			{at: 10 * time.Second, where: following("a", 3), q: ask(Older, Read, "b", 4)},
			{at: 10 * time.Second, where: following("a", 3), q: ask(Confirm, Lease, "a", 3), yes: true},
			{at: 10*time.Second + 100*ms, where: following("b", 4), q: ask(Older, Read, "b", 4), yes: true, left: 700 * ms},
		},
		"a later term knows of this leader's end": {
			{at: 10 * time.Second, where: Standing{Term: 5}, q: ask(Older, Read, "b", 4)},
		},
		"what was before the start is unknown": {
			{at: 100 * ms, where: none, q: ask(Older, Read, "b", 4), yes: true, left: 700 * ms},
			{at: 100 * ms, where: following("b", 4), q: ask(Confirm, Lease, "b", 4), yes: true},
			{at: 900 * ms, where: following("b", 4), q: ask(Older, Read, "b", 4), yes: true},
		},
		"a change of the peer set is as good as a word": {
			{at: 10 * time.Second, where: Standing{Term: 4, Peers: 2}, q: ask(Older, Read, "b", 4), yes: true, left: span},
			{at: 10*time.Second + 300*ms, where: Standing{Term: 4, Peers: 2}, q: ask(Older, Read, "b", 4), yes: true, left: span - 300*ms},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory(0, span)
			m.peers = 1
			run(t, &m, steps)
		})
	}
}

// TestTally counts answers of three voters unless the name says otherwise; the asker is a, in term 4.
func TestTally(t *testing.T) {
	type said struct {
		voter string
		a     Answer
	}
	yes := func(left time.Duration) Answer { return Answer{Yes: true, Term: 4, Left: left, Contact: left / 10} }
	no, later := Answer{Term: 4}, Answer{Term: 5}
	for name, c := range map[string]struct {
		voters    []string
		said      []said
		won, lost bool
		complete  bool
		end       time.Duration
		contact   time.Duration
	}{
		"one is no majority":               {said: []said{{"a", yes(0)}}},
		"two are":                          {said: []said{{"a", yes(0)}, {"b", yes(100)}}, won: true, end: 1100, contact: 10},
		"one voter counts once":            {said: []said{{"a", yes(0)}, {"a", yes(0)}}},
		"a stranger does not count":        {said: []said{{"a", yes(0)}, {"x", yes(0)}}},
		"a no may become a yes":            {said: []said{{"a", yes(0)}, {"b", no}, {"b", yes(50)}}, won: true, end: 1050, contact: 5},
		"one in a later term is no loss":   {said: []said{{"a", yes(0)}, {"b", later}, {"c", yes(30)}}, won: true, complete: true, end: 1030, contact: 3},
		"two in a later term are":          {said: []said{{"b", later}, {"c", later}}, lost: true},
		"the better of two majorities":     {said: []said{{"a", yes(0)}, {"b", yes(700)}, {"c", yes(200)}}, won: true, complete: true, end: 1200, contact: 70},
		"the asker is always of the party": {said: []said{{"a", yes(500)}, {"b", yes(0)}, {"c", yes(0)}}, won: true, complete: true, end: 1500},
		"the asker may lack a vote":        {voters: []string{"b", "c", "d"}, said: []said{{"a", yes(300)}, {"b", yes(0)}, {"d", yes(0)}}, won: true, end: 1300},
		"four voters need three":           {voters: []string{"a", "b", "c", "d"}, said: []said{{"a", yes(0)}, {"b", yes(0)}}},
		"five voters need three":           {voters: []string{"a", "b", "c", "d", "e"}, said: []said{{"a", yes(0)}, {"b", yes(9)}, {"c", yes(5)}, {"d", yes(7)}}, won: true, end: 1007},
		"a single voter":                   {voters: []string{"a"}, said: []said{{"a", yes(20)}}, won: true, complete: true, end: 1020},
	} {
		t.Run(name, func(t *testing.T) {
			voters := c.voters
			if voters == nil {
				voters = []string{"a", "b", "c"}
			}
			ta := NewTally("a", 4, voters)
			for _, s := range c.said {
				ta.Take(s.voter, s.a, 1000)
			}
			if ta.Won() != c.won || ta.Lost() != c.lost || ta.Complete() != c.complete || ta.Contact() != c.contact {
				t.Errorf("won %v, lost %v, complete %v, contact %s; want %v, %v, %v, %s", ta.Won(), ta.Lost(), ta.Complete(), ta.Contact(), c.won, c.lost, c.complete, c.contact)
			}
			if c.won && ta.OlderEnd() != c.end {
				t.Errorf("older leases end at %d, want %d", ta.OlderEnd(), c.end)
			}
		})
	}
}
