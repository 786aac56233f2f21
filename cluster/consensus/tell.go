package consensus

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Raft's followers learn that an entry is committed from the message after it. At rest that is the next one of CommitTimeout, some 75 ms
// later, and whoever reads on a follower what was just written would wait for it. So the leader sends a message with the commit index as soon
// as its log has been at rest for restAfter.
const restAfter = time.Millisecond

// noteApplied is told by the fsm that entries were applied.
func (p *Peer) noteApplied() {
	select {
	case p.applied <- struct{}{}:
	default:
	}
}

// tellCommits tells the followers what is committed, for as long as the term lasts.
func (p *Peer) tellCommits(t *term) {
	told := &sends{under: map[raft.ServerID]bool{}}
	for {
		select {
		case <-p.applied:
		case <-t.ctx.Done():
			return
		}
		select {
		case <-time.After(restAfter):
		case <-t.ctx.Done():
			return
		}
		if message := p.commitMessage(t); message != nil {
			p.tell(told, message)
		}
	}
}

// commitMessage is an AppendEntries without entries that makes whoever has the same log commit it, nil where later entries
// are under way and will carry the index themselves. That its previous entry is the committed one makes it
// true for every receiver, whenever it arrives: a log that has this entry is the same up to it.
func (p *Peer) commitMessage(t *term) *raft.AppendEntriesRequest {
	r := p.raft.Load()
	committed := r.CommitIndex()
	var last raft.Log
	if r.LastIndex() > committed || p.stores.log.GetLog(committed, &last) != nil {
		return nil
	}
	addr := p.trans.EncodePeer(raft.ServerID(p.cfg.ID), raft.ServerAddress(p.cfg.Addr))
	return &raft.AppendEntriesRequest{
		RPCHeader:         raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(p.cfg.ID), Addr: addr},
		Term:              t.number,
		PrevLogEntry:      committed,
		PrevLogTerm:       last.Term,
		LeaderCommitIndex: committed,
	}
}

// tell sends message to every other member that no earlier one is still under way to.
func (p *Peer) tell(s *sends, message *raft.AppendEntriesRequest) {
	for _, to := range p.raft.Load().GetConfiguration().Configuration().Servers {
		if string(to.ID) == p.cfg.ID || !s.begin(to.ID) {
			continue
		}
		p.tasks.Go(func() {
			defer s.end(to.ID)
			var answer raft.AppendEntriesResponse
			_ = p.trans.AppendEntries(to.ID, to.Address, message, &answer) // raft's own messages follow, and deal with faults
		})
	}
}

// sends are the members that a message is under way to.
type sends struct {
	mu    sync.Mutex // guards following
	under map[raft.ServerID]bool
}

func (s *sends) begin(id raft.ServerID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under[id] {
		return false
	}
	s.under[id] = true
	return true
}

func (s *sends) end(id raft.ServerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.under, id)
}
