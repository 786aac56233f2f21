package consensus

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	firstRetry = 10 * time.Millisecond  // after a heartbeat that failed, doubled from one to the next
	lastRetry  = 100 * time.Millisecond // up to this
	lookAgain  = time.Second            // after a message of the log that failed, if no heartbeat is answered before
)

// reach is what a leader knows of the way to the others by its heartbeats.
//
// Raft tries a member that was away at intervals that grow to ten seconds, and one that missed a message at the end of CommitTimeout. So that
// neither counts, no message to a member that does not answer fails while it is wanted: heartbeats are repeated at short intervals, and
// messages of the log wait for the next heartbeat that is answered.
type reach struct {
	mu   sync.Mutex                      // guards following
	lost map[raft.ServerID]chan struct{} // closed when the member answers again
}

// lose notes that a member does not answer. What it gives is closed when the member answers again.
func (r *reach) lose(id raft.ServerID) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost[id] == nil {
		r.lost[id] = make(chan struct{})
	}
	return r.lost[id]
}

// find notes that a member answers, and reports whether it did not before.
func (r *reach) find(id raft.ServerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	back := r.lost[id]
	if back == nil {
		return false
	}
	close(back)
	delete(r.lost, id)
	return true
}

// AppendEntries sends a heartbeat or a piece of the log.
func (t *transport) AppendEntries(id raft.ServerID, addr raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if isHeartbeat(req) {
		return t.heartbeat(id, addr, req, resp)
	}
	e := t.ahead.take(id)
	if e.answers(req) {
		*resp = e.answer
		t.ahead.know(id, req)
		t.lag.Has(id, lastOf(req))
		t.stored(e.message)
		return nil
	}
	if e != nil {
		t.unused(e)
	}
	for {
		err := t.send(id, addr, req, resp)
		if err == nil && resp.Success {
			t.ahead.know(id, req)
			t.lag.Has(id, lastOf(req))
			t.stored(req)
		}
		if err == nil || t.isClosed() || !t.wanted(req.Term, id) {
			return err
		}
		again := time.NewTimer(lookAgain)
		select {
		case <-t.reach.lose(id):
		case <-again.C:
		case <-t.closed:
		}
		again.Stop()
	}
}

// heartbeat sends a heartbeat, again and again until it is answered or there is no reason for it any more.
func (t *transport) heartbeat(id raft.ServerID, addr raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		err := t.send(id, addr, req, resp)
		if err == nil {
			if t.reach.find(id) {
				t.found()
			}
			return nil
		}
		t.reach.lose(id)
		t.lanes.Drop(id)
		pause := time.NewTimer(retry)
		select {
		case <-pause.C:
		case <-t.closed:
		}
		pause.Stop()
		if t.isClosed() || !t.wanted(req.Term, id) {
			t.reach.find(id) // what waits for it finds out that it is not wanted either
			return err
		}
	}
}

// late has the followers told once more where one has stored entries that were committed without it: it does not know so much yet, and the
// message that would have told it came before it had them.
func (p *Peer) late(req *raft.AppendEntriesRequest) {
	r, n := p.raft.Load(), len(req.Entries)
	if r != nil && n > 0 && req.LeaderCommitIndex < req.Entries[n-1].Index && r.CommitIndex() >= req.Entries[n-1].Index {
		signal(p.applied)
	}
}

// unused has the followers told once more when a message that was sent ahead is answered although raft sent another one instead: until then a lane carries
// no word of a commit.
func (p *Peer) unused(e *early) {
	p.tasks.Go(func() {
		<-e.answered
		signal(p.applied)
	})
}

// isHeartbeat tells a message that only says who leads from one about the log, as raft does.
func isHeartbeat(req *raft.AppendEntriesRequest) bool {
	return req.PrevLogEntry == 0 && req.PrevLogTerm == 0 && len(req.Entries) == 0 && req.LeaderCommitIndex == 0
}

// wanted reports whether this member, in this term, still has anything to send to id.
func (p *Peer) wanted(term uint64, id raft.ServerID) bool {
	r := p.raft.Load()
	if number, ok := leads(r); !ok || number != term {
		return false
	}
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if s.ID == id {
			return true
		}
	}
	return false
}
