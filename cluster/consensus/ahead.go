package consensus

import (
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"holdfast/cluster/consensus/lane"
)

// Raft's leader stores an entry and then sends it, so a write takes the time of two disks one after the other. Neither needs the other: a follower
// may store what a leader is about to. So where the log is at rest, the voters are sent the entries while the leader stores them. It is the message
// that raft is going to send, and its answer counts when raft sends it, after the leader's own sync. Until then raft knows of nothing, and
// nothing is committed; a leader that fails meanwhile is one that failed after it had sent.

// ahead is what was sent before raft sends it.
type ahead struct {
	mu    sync.Mutex               // guards following
	has   map[raft.ServerID]uint64 // the newest entry that a member answered to have; missing while a message about the log is out
	early map[raft.ServerID]*early
}

// early is a message that was sent ahead.
type early struct {
	message  *raft.AppendEntriesRequest
	answered chan struct{} // closed when what follows is set
	answer   raft.AppendEntriesResponse
	err      error
}

// aheadLog is a log that sends ahead what it is to store.
type aheadLog struct {
	watchedLog
	before func([]*raft.Log)
}

// StoreLogs stores entries.
func (l aheadLog) StoreLogs(logs []*raft.Log) error {
	l.before(logs)
	return l.watchedLog.StoreLogs(logs)
}

// sendAhead sends the voters what raft is about to store, if this member leads and all before it is committed. Raft calls it in its main
// goroutine, where it becomes leader and ceases to be.
func (p *Peer) sendAhead(logs []*raft.Log) {
	r := p.raft.Load()
	term, leading := leads(r)
	if !leading || slices.ContainsFunc(logs, func(l *raft.Log) bool { return l.Type != raft.LogCommand || l.Term != term }) {
		return
	}
	var last raft.Log
	if r.CommitIndex()+1 != logs[0].Index || p.stores.Log.GetLog(logs[0].Index-1, &last) != nil {
		return
	}
	message := p.message(term, &last)
	message.Entries = logs
	frame := sync.OnceValue(func() []byte { return lane.Entries(message) }) // by whoever has a lane first, not by raft's main goroutine
	for _, to := range r.GetConfiguration().Configuration().Servers {
		if string(to.ID) == p.cfg.ID || to.Suffrage != raft.Voter {
			continue
		}
		if e := p.trans.ahead.begin(to.ID, message); e != nil {
			p.tasks.Go(func() { p.trans.sendEarly(to, e, frame) })
		}
	}
}

// begin notes that message is sent ahead to a member. It is nil where that has other entries, or is being told of some.
func (a *ahead) begin(id raft.ServerID, message *raft.AppendEntriesRequest) *early {
	a.mu.Lock()
	defer a.mu.Unlock()
	if has, idle := a.has[id]; !idle || has != message.PrevLogEntry {
		return nil
	}
	e := &early{message: message, answered: make(chan struct{})}
	a.early[id] = e
	return e
}

// take is what was sent ahead to a member, nil if that was nothing. What raft sends it from now on is no longer sent ahead.
func (a *ahead) take(id raft.ServerID) *early {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.early[id]
	delete(a.early, id)
	delete(a.has, id)
	return e
}

// know notes that a member has all that raft sent it with message.
func (a *ahead) know(id raft.ServerID, message *raft.AppendEntriesRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.has[id] = lastOf(message)
}

func lastOf(message *raft.AppendEntriesRequest) uint64 {
	if n := len(message.Entries); n > 0 {
		return message.Entries[n-1].Index
	}
	return message.PrevLogEntry
}

// answeredWith sets the answer, or why there is none.
func (e *early) answeredWith(answer raft.AppendEntriesResponse, err error) {
	e.answer, e.err = answer, err
	close(e.answered)
}

// answers waits for the answer to a message that was sent ahead, and reports whether it is one to message.
func (e *early) answers(message *raft.AppendEntriesRequest) bool {
	if e == nil || message.Term != e.message.Term || message.PrevLogEntry != e.message.PrevLogEntry || message.PrevLogTerm != e.message.PrevLogTerm ||
		lastOf(message) != lastOf(e.message) {
		return false
	}
	<-e.answered
	return e.err == nil && e.answer.Success
}
