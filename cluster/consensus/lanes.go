package consensus

import (
	"net"

	"github.com/hashicorp/raft"

	"holdfast/cluster/consensus/lane"
)

// openLane opens a lane to a member.
func (p *Peer) openLane(id raft.ServerID) (*lane.Lane, error) {
	addr, err := p.where.ServerAddr(id)
	if err != nil {
		return nil, err
	}
	conn, err := p.streams.DialLane(addr)
	if err != nil {
		return nil, err
	}
	return lane.Open(conn, id, p.cfg.stretched(p.cfg.DialTimeout), p.cfg.stretched(p.cfg.IOTimeout))
}

// serveLane gives raft what another member sends on its lane.
func (p *Peer) serveLane(c net.Conn, in inbox) {
	err := lane.Serve(c, raft.ServerID(p.cfg.ID), in.put, in.closed)
	p.log.Debug("a lane has ended", "from", c.RemoteAddr(), "err", err)
}

// sendEarly sends a member what it is to store early, on its lane if there is one and frame gives something for it, and notes its answer.
func (t *transport) sendEarly(to raft.Server, e *early, frame func() []byte) {
	if l := t.lanes.To(to.ID); l != nil {
		if f := frame(); f != nil && l.Append(f, e.answeredWith) == nil {
			return
		}
	}
	var answer raft.AppendEntriesResponse
	err := t.send(to.ID, to.Address, e.message, &answer)
	e.answeredWith(answer, err)
}

// sendCommit sends a member word of a commit on its lane, and reports whether it has one.
func (t *transport) sendCommit(to raft.ServerID, message *raft.AppendEntriesRequest) bool {
	l := t.lanes.To(to)
	return l != nil && l.Commit(message) == nil
}
