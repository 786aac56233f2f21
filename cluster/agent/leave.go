package agent

import (
	"context"
	"errors"
	"time"

	"holdfast/cluster"
)

// leaveTimeout bounds each step of leaving: a member that cannot say goodbye goes all the same.
const leaveTimeout = 5 * time.Second

// Leave takes this member out of the cluster in good order: the leadership goes to another, the peer set forgets it, the pool sees it
// leave rather than fail, and its checks and its anti-entropy end, which would else bring back the node that the others remove. The
// agent is to be closed afterwards.
func (a *Agent) Leave(ctx context.Context) error {
	peers, err := a.Peers()
	if err != nil {
		return err
	}
	voters := 0
	for _, p := range peers {
		if p.Voter {
			voters++
		}
	}
	if a.peer.IsLeader() && voters > 1 {
		step, cancel := context.WithTimeout(ctx, leaveTimeout)
		if err := a.peer.TransferLeadership(step, ""); err != nil {
			a.log.Warn("cannot hand over the leadership before leaving", "error", err)
		}
		cancel()
	}
	if voters > 1 {
		step, cancel := context.WithTimeout(ctx, leaveTimeout)
		a.waitOther(step)
		cancel()
	}
	a.endRegistry()
	step, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	abroad := make(chan error, 1)
	go func() { abroad <- a.wan.Leave(step) }()
	return errors.Join(a.pool.Leave(step), <-abroad)
}

// waitOther waits until another member leads, so that there is someone to take this one out of the peer set.
func (a *Agent) waitOther(ctx context.Context) {
	for ctx.Err() == nil {
		changed := a.peer.LeaderChanged()
		if id, _ := a.peer.Leader(); id != "" && id != a.id {
			return
		}
		untilChange(ctx, changed, 100*time.Millisecond)
	}
}

// Stop is for a member that goes down but does not leave: the leadership is handed over, so that the others need not miss it first.
func (a *Agent) Stop(ctx context.Context) {
	if !a.peer.IsLeader() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := a.peer.TransferLeadership(ctx, ""); err != nil && cluster.CodeOf(err) != cluster.NoLeader {
		a.log.Debug("leadership was not handed over before stopping", "error", err)
	}
}
