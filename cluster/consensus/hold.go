package consensus

import (
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster/consensus/storage"
)

// hold keeps a member that has been started again out of elections for one heartbeat timeout.
//
// A follower of raft refuses its vote to others until it has heard nothing from its leader for that long, and cluster/quorum
// lets leaders rely on it: a word that a follower gave holds until then. Raft keeps in memory only when it last heard from the leader, so a
// new process would vote at once. It cannot know when the old one last heard, but it was before this one opened the log, whose file only
// one process can have. One timeout after that, no word of the old process holds; the timeout is the longest that the old one can have had
// (Config.Promised), because raft_multiplier may be smaller now.
//
// Held are votes, votes before the vote, and the leader's order to stand for election at once, by which this member would vote for itself. Its
// own timer is no shorter than the hold. They are not refused but answered when the hold is over: members that were all started together elect
// a leader as soon as without. Having heard from a leader ends nothing: raft then refuses by itself, and where it does not, as during the
// transfer of a leadership, a short wait does no harm.
type hold struct{ until time.Time }

// newHold is the hold of a member that opened its log at since. One whose log was empty has given nobody its word.
func newHold(s *storage.Storage, since time.Time, heartbeat time.Duration) hold {
	if had, err := s.HasState(); err == nil && !had {
		return hold{}
	}
	return hold{since.Add(heartbeat)}
}

// easeLater gives raft its own pace once the hold is over, where the hold is longer than that.
func (p *Peer) easeLater() {
	left := time.Until(p.trans.hold.until)
	if left <= 0 || p.cfg.held() == p.cfg.stretched(p.cfg.HeartbeatTimeout) {
		return
	}
	p.tasks.Go(func() {
		t := time.NewTimer(left)
		defer t.Stop()
		select {
		case <-t.C:
			p.terms.ease(p)
		case <-p.stopped:
		}
	})
}

// wait is how long a message must wait.
func (h hold) wait(command any) time.Duration {
	switch command.(type) {
	case *raft.RequestVoteRequest, *raft.RequestPreVoteRequest, *raft.TimeoutNowRequest:
		if !h.until.IsZero() {
			return time.Until(h.until)
		}
	}
	return 0
}

// later gives raft a message after a while.
func (t *transport) later(rpc raft.RPC, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		t.give(rpc)
	case <-t.closed:
	}
}
