package consensus

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
)

// lookEvery is how long an answer of Lookup is good: raft asks before each message.
const lookEvery = 250 * time.Millisecond

// whereabouts tells raft where a member is: where Lookup says, or else where the peer set says.
type whereabouts struct {
	self   raft.ServerID
	addr   raft.ServerAddress
	lookup func() map[string]string
	peers  func() []raft.Server

	mu    sync.Mutex        // guards following
	found map[string]string // what lookup has said
	at    time.Time         // when it did
}

func newWhereabouts(p *Peer) *whereabouts {
	return &whereabouts{
		self: raft.ServerID(p.cfg.ID), addr: raft.ServerAddress(p.cfg.Addr), lookup: p.cfg.Lookup,
		peers: func() []raft.Server {
			r := p.raft.Load()
			if r == nil {
				return nil
			}
			return r.GetConfiguration().Configuration().Servers
		},
	}
}

// ServerAddr is the address of the member id.
func (w *whereabouts) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	if id == w.self {
		return w.addr, nil
	}
	if addr := w.gossiped()[string(id)]; addr != "" {
		return raft.ServerAddress(addr), nil
	}
	for _, s := range w.peers() {
		if s.ID == id {
			return s.Address, nil
		}
	}
	return "", fmt.Errorf("member %s is not in the peer set", id)
}

// Address is where a member of the peer set is now: where raft would send it a message.
func (p *Peer) Address(id string) (string, error) {
	if _, err := p.running(); err != nil {
		return "", err
	}
	addr, err := p.where.ServerAddr(raft.ServerID(id))
	if err != nil {
		return "", cluster.Errorf(cluster.Unavailable, "%v", err)
	}
	return string(addr), nil
}

// gossiped is where everybody is by the word of gossip, of a moment ago: to ask anew for each message would make a heartbeat to all members cost the
// square of their number.
func (w *whereabouts) gossiped() map[string]string {
	if w.lookup == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); w.found == nil || now.Sub(w.at) >= lookEvery {
		w.found, w.at = w.lookup(), now
	}
	return w.found
}
