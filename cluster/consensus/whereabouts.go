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
	lookup func(id string) string
	peers  func() []raft.Server

	mu    sync.Mutex // guards following
	known map[raft.ServerID]place
}

// place is an address and when it was found.
type place struct {
	addr raft.ServerAddress
	at   time.Time
}

func newWhereabouts(p *Peer) *whereabouts {
	return &whereabouts{
		self: raft.ServerID(p.cfg.ID), addr: raft.ServerAddress(p.cfg.Addr), lookup: p.cfg.Lookup, known: map[raft.ServerID]place{},
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
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if p, ok := w.known[id]; ok && now.Sub(p.at) < lookEvery {
		return p.addr, nil
	}
	addr := w.find(id)
	if addr == "" {
		delete(w.known, id)
		return "", fmt.Errorf("member %s is not in the peer set", id)
	}
	w.known[id] = place{addr, now}
	return addr, nil
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

func (w *whereabouts) find(id raft.ServerID) raft.ServerAddress {
	if w.lookup != nil {
		if addr := w.lookup(string(id)); addr != "" {
			return raft.ServerAddress(addr)
		}
	}
	for _, s := range w.peers() {
		if s.ID == id {
			return s.Address
		}
	}
	return ""
}
