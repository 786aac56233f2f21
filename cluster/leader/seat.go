package leader

import (
	"slices"

	"holdfast/cluster"
)

// seat makes the peer set agree with one member: a live one has a seat at its address, one that left has none. One that failed
// keeps its seat, because it may come back; autopilot decides when it has been away for too long. One of an older version keeps its seat too, but
// gets none.
func (p *pass) seat(m cluster.Member) error {
	id := m.Tags[cluster.TagID]
	switch {
	case id == "", p.renamed(m):
		return nil
	case m.Status == cluster.StatusAlive && p.peer(id) == nil && !m.Vocabulary().Covers(p.opts.Commands):
		p.log.Warn("a member is not admitted: it is of an older version than the leader, whose log it could not apply; upgrade it", "member", m.Name, "version", m.Tags[cluster.TagHoldfast])
	case m.Status == cluster.StatusAlive:
		return p.admit(m.Name, cluster.Peer{ID: id, Addr: m.RPCAddr(), Voter: p.votes(m, id)})
	case m.Status == cluster.StatusLeft && m.Name != p.opts.Self:
		if p.peer(id) != nil && !p.alive(id) {
			return p.remove(m.Name, id, "it has left")
		}
	}
	return nil
}

// votes reports whether a live member is to have a vote now. A server that is new gets a seat without one, and its vote from autopilot once it
// has been well for a while: a voter that has to catch up, or comes and goes, would be missed in every majority.
func (p *pass) votes(m cluster.Member, id string) bool {
	if !m.IsServer() || m.Tags[cluster.TagNonVoter] != "" {
		return false
	}
	have, conf := p.peer(id), p.view.Autopilot()
	return have != nil && have.Voter || p.young(&conf)
}

// admit gives a live member a seat, or follows its change of address or role. Servers vote, other agents do not.
func (p *pass) admit(name string, want cluster.Peer) error {
	have := p.peer(want.ID)
	if have != nil && *have == want {
		return nil
	}
	self := name == p.opts.Self
	if self && have != nil && have.Addr == want.Addr {
		return nil // the leader votes for as long as it leads
	}
	for _, other := range p.peers {
		if other.Addr == want.Addr && other.ID != want.ID && other.ID != p.self() {
			// Two members cannot listen on one address: the other one is gone, or has moved and gets its seat back below.
			if err := p.remove(name, other.ID, "another member has its address"); err != nil {
				return err
			}
		}
	}
	if have != nil && have.Voter && !want.Voter && !self {
		if err := p.remove(name, want.ID, "it is a server no longer"); err != nil {
			return err
		}
	}
	p.log.Info("admitting a member to the peer set", "member", name, "address", want.Addr, "voter", want.Voter)
	if err := p.cluster.AddPeer(p.ctx, want); err != nil {
		return err
	}
	return p.reread()
}

func (p *pass) remove(name, id, why string) error {
	p.log.Info("removing a member from the peer set", "member", name, "id", id, "reason", why)
	if err := p.cluster.RemovePeer(p.ctx, id); err != nil {
		return err
	}
	return p.reread()
}

// dismiss takes who had a node out of the peer set, unless it lives under another name.
func (p *pass) dismiss(id string) error {
	p.seats.Lock()
	defer p.seats.Unlock()
	if id == "" || p.alive(id) {
		return nil
	}
	return p.cluster.RemovePeer(p.ctx, id)
}

func (p *pass) reread() (err error) {
	p.peers, err = p.cluster.Peers()
	return err
}

func (p *pass) peer(id string) *cluster.Peer {
	for i := range p.peers {
		if p.peers[i].ID == id {
			return &p.peers[i]
		}
	}
	return nil
}

// alive reports whether a live member has the ID, now: one that was renamed leaves its former name behind in the pool.
func (p *pass) alive(id string) bool {
	return slices.ContainsFunc(p.cluster.Members(), func(m cluster.Member) bool { return m.Status == cluster.StatusAlive && m.Tags[cluster.TagID] == id })
}

// self is the leader's own ID, "" where gossip does not know it.
func (p *pass) self() string {
	for _, m := range p.members {
		if m.Name == p.opts.Self {
			return m.Tags[cluster.TagID]
		}
	}
	return ""
}
