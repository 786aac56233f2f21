package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Raft's followers learn that an entry is committed from the message after it. At rest that is the next one of CommitTimeout, a second or two
// later, and whoever waits on a follower for what was just written would wait for it. So the leader sends a message with the commit index as
// soon as it has applied an entry and no other is under way; when a slow follower has stored what was committed without it; and when a member is
// back that was away, be it between two heartbeats: started again, it has its log but cannot know how much of it counts.

// A follower refuses a message that overtook the entry itself. It is told again until it has the entry, after pauses that double: its disk
// may be slow. All of them together are about as long as raft's own message takes to come.
const (
	maxRefusals  = 9
	refusedPause = time.Millisecond
)

// teller tells the followers of a leader what is committed.
type teller struct {
	raft  *raft.Raft
	trans *transport
	peer  *Peer
	term  uint64
	sends sync.WaitGroup

	mu    sync.Mutex // guards following
	under map[raft.ServerID]*underway
}

// underway is a follower that is being told, and whether there was more to tell meanwhile.
type underway struct{ more bool }

func newTeller(p *Peer, t *term) *teller {
	return &teller{
		raft: p.raft.Load(), trans: p.trans, peer: p, term: t.number, under: map[raft.ServerID]*underway{},
	}
}

// run tells the followers after each batch of entries that was applied, and whenever else it is asked to, until ctx ends.
func (t *teller) run(ctx context.Context, applied <-chan struct{}) {
	defer t.sends.Wait()
	for {
		select {
		case <-applied:
		case <-ctx.Done():
			return
		}
		if message := t.message(); message != nil {
			t.tell(ctx, message)
		}
	}
}

// message is an AppendEntries without entries that makes whoever has the same log commit it, nil where later entries
// are under way and will carry the index themselves. That its previous entry is the committed one makes it
// true for every receiver, whenever it arrives: a log that has this entry is the same up to it.
func (t *teller) message() *raft.AppendEntriesRequest {
	committed := t.raft.CommitIndex()
	var last raft.Log
	if t.raft.LastIndex() > committed || t.peer.stores.Log.GetLog(committed, &last) != nil {
		return nil
	}
	return t.peer.message(t.term, &last)
}

// message is an AppendEntries that carries the commit index to whoever has the entry last, the newest one that is committed.
func (p *Peer) message(term uint64, last *raft.Log) *raft.AppendEntriesRequest {
	id, addr := raft.ServerID(p.cfg.ID), raft.ServerAddress(p.cfg.Addr)
	return &raft.AppendEntriesRequest{
		RPCHeader:         raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: p.trans.EncodePeer(id, addr)},
		Term:              term,
		PrevLogEntry:      last.Index,
		PrevLogTerm:       last.Term,
		LeaderCommitIndex: last.Index,
	}
}

// tell sends message to every other member, on its lane if it has one. Without, one that an earlier message is still under way to is sent the newest
// one after that.
func (t *teller) tell(ctx context.Context, message *raft.AppendEntriesRequest) {
	for _, to := range t.raft.GetConfiguration().Configuration().Servers {
		if string(to.ID) != t.peer.cfg.ID && !t.trans.sendCommit(to.ID, message) && t.begin(to.ID) {
			t.sends.Go(func() {
				for m := message; m != nil; m = t.next(to.ID) {
					t.send(ctx, to, m)
				}
			})
		}
	}
}

// send tells one member, again where it refuses, or where the connection is one to its earlier life. What fails for longer is left to raft's
// own messages.
func (t *teller) send(ctx context.Context, to raft.Server, message *raft.AppendEntriesRequest) {
	for i := range maxRefusals {
		var answer raft.AppendEntriesResponse
		if err := t.trans.send(to.ID, to.Address, message, &answer); err == nil && answer.Success {
			return
		}
		select {
		case <-time.After(refusedPause << i):
		case <-ctx.Done():
			return
		}
	}
}

// begin reports whether nobody tells a follower yet. Who does is told that there is more.
func (t *teller) begin(id raft.ServerID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.under[id]; u != nil {
		u.more = true
		return false
	}
	t.under[id] = &underway{}
	return true
}

// next is what is left to tell a follower, nil where that is nothing.
func (t *teller) next(id raft.ServerID) *raft.AppendEntriesRequest {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.under[id]; u.more {
		u.more = false
		if m := t.message(); m != nil {
			return m
		}
	}
	delete(t.under, id)
	return nil
}
