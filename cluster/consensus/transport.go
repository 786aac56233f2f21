package consensus

import (
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"holdfast/cluster/consensus/backlog"
	"holdfast/cluster/consensus/lane"
)

// transport is raft's own transport with rules of ours before it: when messages about elections reach raft (hold.go), which orders to stand for one
// do (order.go), and how messages to a member that does not answer are repeated (reach.go).
type transport struct {
	*raft.NetworkTransport
	hold   hold
	reach  reach
	ahead  ahead
	lag    backlog.Lag
	lanes  *lane.Set
	wanted func(term uint64, id raft.ServerID) bool // whether messages of this term are to be sent to id still
	found  func()                                   // told when a member answers that did not
	order  func() (term uint64)                     // notes that another is told to stand for election, and gives the term
	term   func() uint64
	heard  func()                           // told when a heartbeat has come
	stored func(*raft.AppendEntriesRequest) // told when a member has stored entries
	unused func(*early)                     // told of what was sent ahead for nothing
	inbox
	once  sync.Once // of Close
	loops sync.WaitGroup
}

// inbox is what raft is given.
type inbox struct {
	rpcs   chan raft.RPC
	closed chan struct{}
}

// put waits until raft has taken a message.
func (in inbox) put(rpc raft.RPC) {
	select {
	case in.rpcs <- rpc:
	case <-in.closed:
	}
}

// newTransport is p's transport. It passes messages on until it is closed.
func newTransport(p *Peer, inner *raft.NetworkTransport, in inbox, h hold) *transport {
	t := &transport{
		NetworkTransport: inner, inbox: in, hold: h, reach: reach{lost: map[raft.ServerID]chan struct{}{}},
		ahead:  ahead{has: map[raft.ServerID]uint64{}, early: map[raft.ServerID]*early{}},
		wanted: p.wanted, found: func() { signal(p.applied) }, heard: func() { signal(p.beats) }, stored: p.late,
		unused: p.unused, order: p.order, term: p.Term,
	}
	t.lanes = lane.NewSet(p.openLane, t.found)
	t.loops.Go(t.relay)
	return t
}

// Consumer is where raft takes the messages of the others from. Heartbeats do not come this way: they have their handler.
func (t *transport) Consumer() <-chan raft.RPC { return t.rpcs }

// Close ends every connection, and waits until nothing is passed on any more.
func (t *transport) Close() error {
	t.once.Do(func() { close(t.closed) }) // first: what is on a lane waits for nothing else
	t.lanes.Close()
	err := t.NetworkTransport.Close()
	t.lanes.Wait()
	t.loops.Wait()
	return err
}

// relay gives raft one message after another. Those that are held do not delay the ones behind them.
func (t *transport) relay() {
	for {
		select {
		case rpc := <-t.NetworkTransport.Consumer():
			if wait := t.hold.wait(rpc.Command); wait > 0 {
				t.loops.Go(func() { t.later(rpc, wait) })
				continue
			}
			t.give(rpc)
		case <-t.closed:
			return
		}
	}
}

// give waits until raft has taken a message.
func (t *transport) give(rpc raft.RPC) {
	if err := t.belated(rpc.Command); err != nil {
		rpc.Respond(nil, err)
		return
	}
	t.put(rpc)
}

func (t *transport) isClosed() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}

// Where the machine of one member has the address that another is said to be at, it gets the other's messages. It is of the same cluster, so it takes the
// leader's log and grants votes; and raft would count it twice, and take for a majority what is none. So whoever answers says who it is. Members of versions
// whose raft does not say it count as before.
func from(id raft.ServerID, header raft.RPCHeader) error {
	if who := raft.ServerID(header.ID); who != "" && who != id {
		return fmt.Errorf("%s answers in the place of %s", who, id)
	}
	return nil
}

// send sends a message about the log or a heartbeat by raft's own connections.
func (t *transport) send(id raft.ServerID, addr raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if err := t.NetworkTransport.AppendEntries(id, addr, req, resp); err != nil {
		return err
	}
	return from(id, resp.RPCHeader)
}

// RequestVote asks for a vote.
func (t *transport) RequestVote(id raft.ServerID, addr raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if err := t.NetworkTransport.RequestVote(id, addr, req, resp); err != nil {
		return err
	}
	return from(id, resp.RPCHeader)
}

// RequestPreVote asks whether there would be a vote.
func (t *transport) RequestPreVote(id raft.ServerID, addr raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if err := t.NetworkTransport.RequestPreVote(id, addr, req, resp); err != nil {
		return err
	}
	return from(id, resp.RPCHeader)
}

// InstallSnapshot sends a snapshot. Its answer does not say whose it is, and need not: it is of what a majority has already.
func (t *transport) InstallSnapshot(id raft.ServerID, addr raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	defer t.lag.Sending(id, req.LastLogIndex)()
	return t.NetworkTransport.InstallSnapshot(id, addr, req, resp, data)
}

// lagging is the newest entry that the slowest of the members has that this one, as the leader, keeps the log for; 0 where there is none.
func (p *Peer) lagging() (has uint64) {
	r := p.raft.Load()
	if _, ok := leads(r); !ok {
		return 0
	}
	return p.trans.lag.Slowest(r.GetConfiguration().Configuration().Servers)
}
