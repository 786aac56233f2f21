package gossip

import (
	"math/rand/v2"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/pause"
)

// retriers is how many members, on average, try a failed one again at each interval, however large the pool.
const retriers = 3

// reconnect tries failed members again, one at a time, in the hope that they are back or that a parted network has healed.
func (p *Pool) reconnect() {
	for pause.For(p.ctx, p.cfg.ReconnectInterval/2+rand.N(p.cfg.ReconnectInterval)) {
		m, ok := p.toRetry()
		if !ok {
			continue
		}
		if list, err := p.running(); err == nil {
			n, _ := list.Join([]string{m.Addr.String()}) // memberlist logs why not
			p.log.Debug("failed member tried again", "member", m.Name, "addr", m.Addr, "reached", n > 0)
		}
	}
}

// toRetry is a failed member, if there is one and it is this member's turn.
func (p *Pool) toRetry() (cluster.Member, bool) {
	var failed []cluster.Member
	living := 0
	for _, m := range p.Members() {
		switch m.Status {
		case cluster.StatusFailed:
			failed = append(failed, m)
		case cluster.StatusAlive:
			living++
		}
	}
	if len(failed) == 0 || rand.IntN(max(1, living)) >= retriers*len(failed) {
		return cluster.Member{}, false
	}
	return failed[rand.IntN(len(failed))], true
}

// reap forgets what is old.
func (p *Pool) reap() {
	for pause.For(p.ctx, p.cfg.ReapInterval) {
		p.change((*membership.Table).Reap)
		p.forgetConflicts()
	}
}
