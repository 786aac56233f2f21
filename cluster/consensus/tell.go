package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Raft's followers learn that an entry is committed from the message after it. At rest that is the next one of CommitTimeout, some 75 ms
// later, and whoever reads on a follower what was just written would wait for it. So the leader sends a message with the commit index as soon
// as its log has been at rest for restAfter.
const restAfter = time.Millisecond

// teller tells the followers of a leader what is committed.
type teller struct {
	raft  *raft.Raft
	trans *transport
	log   raft.LogStore
	self  raft.Server
	term  uint64
	sends sync.WaitGroup

	mu    sync.Mutex // guards following
	under map[raft.ServerID]bool
}

func newTeller(p *Peer, t *term) *teller {
	return &teller{
		raft: p.raft.Load(), trans: p.trans, log: p.stores.log, term: t.number, under: map[raft.ServerID]bool{},
		self: raft.Server{ID: raft.ServerID(p.cfg.ID), Address: raft.ServerAddress(p.cfg.Addr)},
	}
}

// run tells the followers after each batch of entries that was applied, until ctx ends.
func (t *teller) run(ctx context.Context, applied <-chan struct{}) {
	defer t.sends.Wait()
	for {
		select {
		case <-applied:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(restAfter):
		case <-ctx.Done():
			return
		}
		if message := t.message(); message != nil {
			t.tell(message)
		}
	}
}

// message is an AppendEntries without entries that makes whoever has the same log commit it, nil where later entries
// are under way and will carry the index themselves. That its previous entry is the committed one makes it
// true for every receiver, whenever it arrives: a log that has this entry is the same up to it.
func (t *teller) message() *raft.AppendEntriesRequest {
	committed := t.raft.CommitIndex()
	var last raft.Log
	if t.raft.LastIndex() > committed || t.log.GetLog(committed, &last) != nil {
		return nil
	}
	addr := t.trans.EncodePeer(t.self.ID, t.self.Address)
	return &raft.AppendEntriesRequest{
		RPCHeader:         raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(t.self.ID), Addr: addr},
		Term:              t.term,
		PrevLogEntry:      committed,
		PrevLogTerm:       last.Term,
		LeaderCommitIndex: committed,
	}
}

// tell sends message to every other member that no earlier one is still under way to.
func (t *teller) tell(message *raft.AppendEntriesRequest) {
	for _, to := range t.raft.GetConfiguration().Configuration().Servers {
		if to.ID == t.self.ID || !t.begin(to.ID) {
			continue
		}
		t.sends.Go(func() {
			defer t.end(to.ID)
			var answer raft.AppendEntriesResponse
			_ = t.trans.AppendEntries(to.ID, to.Address, message, &answer) // raft's own messages follow, and deal with faults
		})
	}
}

func (t *teller) begin(id raft.ServerID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.under[id] {
		return false
	}
	t.under[id] = true
	return true
}

func (t *teller) end(id raft.ServerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.under, id)
}
