package consensus

import (
	"time"

	"github.com/hashicorp/raft"
)

// Raft's leader sends each follower a heartbeat at a random time between a tenth and a fifth of the heartbeat timeout, each by a timer of its own.
// An idle machine spends most of its time waking up, so here the leader wakes up once for all followers, a third of the timeout apart: a
// follower loses two beats in a row, and the third is due, before it asks for an election, and raft's own timers are stretched until they only stand in, at one to
// two beats, where the leader's main loop waits for its disk.
const (
	beatsPerTimeout = 3
	raftsShare      = 10 // raft waits for a tenth of the timeout, or up to two tenths
)

// beatEvery is the time from one heartbeat to the next.
func (c *Config) beatEvery() time.Duration { return c.stretched(c.HeartbeatTimeout) / beatsPerTimeout }

// setPace gives raft the timeouts of a leader, who has no use for them but for the pace of the stand-in heartbeats, or those of everyone
// else. It is called in the middle of the change, so raft never waits for an election by a leader's timeouts.
func (p *Peer) setPace(r *raft.Raft, leading bool) {
	pace := r.ReloadableConfig()
	pace.HeartbeatTimeout, pace.ElectionTimeout = p.cfg.stretched(p.cfg.HeartbeatTimeout), p.cfg.stretched(p.cfg.ElectionTimeout)
	if leading {
		pace.HeartbeatTimeout = raftsShare * p.cfg.beatEvery()
		pace.ElectionTimeout = max(pace.ElectionTimeout, pace.HeartbeatTimeout)
	}
	if err := r.ReloadConfig(pace); err != nil {
		p.log.Error("raft does not take its timeouts", "leading", leading, "err", err) // Validate has tried both
	}
}

// beat makes raft send heartbeats to all at once, until the term is over. Raft does so where it is asked to verify that it leads. While the
// answers of a majority are out, the next beat waits: raft's own timers go on. Raft forgets such a question in its last moments, and this
// goroutine with it, so nobody may wait for it.
func (t *term) beat(p *Peer) {
	r := p.raft.Load()
	tick := time.NewTicker(p.cfg.beatEvery())
	defer tick.Stop()
	for {
		signal(p.beats)
		_ = r.VerifyLeader().Error() // raft itself acts on a no
		select {
		case <-tick.C:
		case <-t.ctx.Done():
			return
		}
	}
}

// Beats holds a value when this member has heard from its leader, or as the leader has spoken to all. Both it and the leader are awake
// then: what it has to say to the leader often costs least now. It has one reader.
func (p *Peer) Beats() <-chan struct{} { return p.beats }

// SetHeartbeatHandler takes raft's short way for heartbeats.
func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) {
	t.NetworkTransport.SetHeartbeatHandler(func(rpc raft.RPC) {
		handle(rpc)
		t.heard()
	})
}
