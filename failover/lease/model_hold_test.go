package lease

import (
	"slices"
	"testing"
	"time"

	"holdfast/cluster/quorum"
)

// holding is a round of questions to every voter, of a machine that wants to go on without a leader.
type holding struct {
	q     quorum.Question
	asked time.Duration // on boot
	yes   map[string]bool
}

// hold asks every voter whether the machine may go on holding what it holds.
func (p *process) hold() {
	if len(p.carried) == 0 {
		return
	}
	h := &holding{
		q:     quorum.Question{Kind: quorum.Hold, Grade: quorum.Lease, Nonce: p.m.newNonce(), Span: p.w.span(), Leader: p.m.name, Peers: p.m.peers},
		asked: p.m.boot.read(), yes: map[string]bool{},
	}
	p.pauseHere(func() {
		if !p.word(h.q).Yes {
			return
		}
		for _, v := range p.m.voters {
			o := p.w.machines[v-'a']
			if o == p.m {
				p.promised(h, p.m.name)
				continue
			}
			p.w.send(p.m, o, h.q, func(q *process) {
				a := q.word(h.q)
				p.w.send(o, p.m, a, func(back *process) {
					if back == p && a.Yes {
						p.promised(h, o.name)
					}
				})
			})
		}
	})
}

// promised takes a voter's promise; with the last one the machine goes on.
func (p *process) promised(h *holding, voter string) {
	h.yes[voter] = true
	need := len(p.m.voters)
	if p.w.rules.holdMost {
		need = need/2 + 1
	}
	if len(h.yes) < need {
		return
	}
	p.pauseHere(func() {
		for _, g := range p.w.groups {
			epoch, carried := p.carried[g]
			now := p.m.boot.read()
			deadline := h.asked + p.w.ttl
			if x := p.holder.held[g]; carried && p.w.rules.holdDead && x != nil && x.deadline > 0 {
				x.deadline = max(x.deadline, int64(now+1))
			}
			if x := p.holder.held[g]; p.w.rules.holdCarried && x != nil {
				x.granted = true
			}
			if !carried || !p.holder.Extend(Claim{g, epoch}, int64(now), int64(deadline)) {
				continue
			}
			p.m.kernel[g] = max(p.m.kernel[g], deadline)
			p.w.seen.held++
			p.w.tracef("%s holds %s in epoch %d for %s, without a leader", p.m.name, g, epoch, p.m.kernel[g]-now)
			p.w.opened(p.m, g, epoch)
		}
	})
}

// promise is a voter's answer to a holder.
func (p *process) promise(q quorum.Question, s quorum.Standing) quorum.Answer {
	before := p.memory
	if p.w.rules.holdLed {
		s.OK = false
	}
	if p.w.rules.holdPeers {
		s.Peers = q.Peers
	}
	a := p.memory.Answer(p.m.steady.read(), s, q)
	if p.w.rules.holdUnkept {
		p.memory = before
	}
	p.m.provoke()
	p.w.tracef("%s in term %d, behind %v %v, answers %v: %v", p.m.name, p.m.term, s.Leader, s.OK, q, a.Yes)
	return a
}

// TestHoldOutlastsLeaders holds that a holder whom every voter reaches serves on without a break, however long nobody leads, and that the first
// leader renews it; and that one that a single voter does not answer serves no longer than its lease.
func TestHoldOutlastsLeaders(t *testing.T) {
	for seed := range uint64(20) {
		w, leader, holder := calm(t, seed, 3)
		for _, m := range w.machines {
			m.act(func(p *process) { p.follow(p.m.term+1, -1); p.contact = p.m.boot.read() + time.Hour })
		}
		if dark := w.gap(4 * time.Second); dark > 0 || w.broken != "" {
			t.Fatalf("seed %d: nobody held the group for %s while nobody led; %s", seed, dark, w.broken)
		}
		w.after(0, func() { leader.act(func(p *process) { p.stand() }) })
		if dark := w.gap(2 * time.Second); dark > 0 || w.broken != "" || leader.proc.lead == nil {
			t.Fatalf("seed %d: nobody held the group for %s after somebody led again; %s", seed, dark, w.broken)
		}
		for _, m := range w.machines {
			m.act(func(p *process) { p.follow(p.m.term+1, -1); p.contact = p.m.boot.read() + time.Hour })
		}
		silent := w.machines[slices.IndexFunc(w.machines, func(m *machineModel) bool { return m != holder })]
		silent.proc = nil
		w.run(w.ttl + 200*ms)
		if holder.live("g") {
			t.Fatalf("seed %d: the holder goes on though %s does not answer", seed, silent.name)
		}
	}
}
