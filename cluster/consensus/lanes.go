package consensus

import (
	"fmt"
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
	return lane.Open(conn, p.cfg.stretched(p.cfg.DialTimeout), p.cfg.stretched(p.cfg.IOTimeout))
}

// serveLane gives raft what another member sends on its lane.
func (p *Peer) serveLane(c net.Conn, in inbox) {
	err := lane.Serve(c, in.put, in.closed)
	p.log.Debug("a lane has ended", "from", c.RemoteAddr(), "err", err)
}

// sendEarly sends a member what it is to store early, as a frame on its lane if there are both, and notes its answer. A lane that was opened while the member was not
// where it was said to be may lead to another one, whose answer must not count twice.
func (t *transport) sendEarly(to raft.Server, e *early, frame []byte) {
	answered := func(answer raft.AppendEntriesResponse, err error) {
		if err == nil && string(answer.ID) != string(to.ID) {
			err = fmt.Errorf("%s answers on the lane to %s", answer.ID, to.ID)
			t.lanes.Drop(to.ID)
		}
		e.answeredWith(answer, err)
	}
	if l := t.lanes.To(to.ID); l != nil && frame != nil && l.Append(frame, answered) == nil {
		return
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
