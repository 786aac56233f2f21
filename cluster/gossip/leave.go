package gossip

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/gossip/message"
	"holdfast/cluster/pause"
)

// farewell bounds how long Leave waits for the others to hear that this member is leaving, and again that it has left.
const farewell = 3 * time.Second

// Leave says goodbye: the others see this member leaving, then left, and do not try it again. It goes on to answer for LeaveDelay, so that
// nobody takes it for failed before the news is round. Close comes after it; the pool cannot be joined again.
func (p *Pool) Leave(ctx context.Context) error {
	p.leaving.Lock()
	defer p.leaving.Unlock()
	list, err := p.running()
	if err != nil {
		return err
	}
	if p.Self().Status == cluster.StatusLeft {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()

	var i message.Intent
	p.change(func(t *membership.Table) { i = t.Leave() })
	p.tell(ctx, list, i)
	wait := farewell
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if err := list.Leave(max(wait, time.Nanosecond)); err != nil { // zero would wait for ever
		return fmt.Errorf("leave the gossip pool: %w", err)
	}
	pause.For(ctx, p.cfg.LeaveDelay)
	return nil
}

// tell spreads an intent by gossip, and also straight to the living, so that they know why this member is about to be gone. It waits
// until either has been done, and the message had a moment to be read.
func (p *Pool) tell(ctx context.Context, list *memberlist.Memberlist, i message.Intent) {
	encoded, gossiped, told := i.Encode(), make(chan struct{}), make(chan struct{})
	p.outbox.put(subject(i), encoded, gossiped)
	var open atomic.Int64
	peers := p.nearest()
	if len(peers) == 0 {
		return
	}
	open.Store(int64(len(peers)))
	for _, m := range peers {
		node := &memberlist.Node{Name: m.Name, Addr: m.Addr.Addr().AsSlice(), Port: m.Addr.Port()}
		p.start(func() {
			if err := list.SendReliable(node, encoded); err != nil {
				p.log.Debug("member not told", "member", node.Name, "error", err)
				return
			}
			if open.Add(-1) == 0 {
				close(told)
			}
		})
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	select {
	case <-told:
		pause.For(ctx, p.cfg.GossipInterval)
	case <-gossiped:
	case <-ctx.Done():
	}
}

// maxTold is how many members are told straight that this one leaves; more hear of it from them.
const maxTold = 64

// nearest is the living others, or some of them.
func (p *Pool) nearest() []cluster.Member {
	var peers []cluster.Member
	for _, m := range p.Members() {
		if m.Name != p.cfg.Name && m.Status == cluster.StatusAlive && len(peers) < maxTold {
			peers = append(peers, m)
		}
	}
	return peers
}

// ForceLeave writes off a member that has failed: it counts as left, and is forgotten at once with prune. A member that is alive
// after all says so, and stays.
func (p *Pool) ForceLeave(name string, prune bool) error {
	if _, err := p.running(); err != nil {
		return err
	}
	if name == p.cfg.Name {
		return cluster.Errorf(cluster.Invalid, "%s is this agent itself: to leave, use leave instead of force-leave", name)
	}
	known := false
	p.change(func(t *membership.Table) { known = t.WriteOff(name, prune) })
	if !known {
		return cluster.Errorf(cluster.NotFound, "agent: No node found with name '%s': the members verb lists those that are known", name)
	}
	return nil
}
