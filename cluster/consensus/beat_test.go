package consensus

import (
	"testing"
	"time"
)

// TestOnlyALeaderHasALeadersPace holds that no follower waits for an election by the timeouts of a leader, whoever led before.
func TestOnlyALeaderHasALeadersPace(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	check := func(when string) {
		t.Helper()
		leader := leaderOf(t, members)
		for _, m := range members {
			want := m.cfg.stretched(m.cfg.HeartbeatTimeout)
			if m == leader {
				want = want * 10 / 3
			}
			eventually(t, m.cfg.ID+" has its pace "+when, func() bool { return m.raft.Load().ReloadableConfig().HeartbeatTimeout == want })
		}
	}
	check("at first")
	handOver(t, members)
	check("after the leadership was handed over")
}

// TestFollowersHearTheLeaderOften looks at the longest time that a follower heard nothing. Raft's stand-in heartbeats alone would reach two beats.
func TestFollowersHearTheLeaderOften(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3, func(c *Config) { c.Multiplier = 10 }) // a beat of one second: a busy machine does not matter
	leader := leaderOf(t, members)
	beat := leader.cfg.beatEvery()
	for _, m := range without(members, leader) {
		longest := time.Duration(0)
		for end := time.Now().Add(3 * beat); time.Now().Before(end); {
			longest = max(longest, m.LastContact())
			<-time.After(beat / 50)
		}
		if longest > beat*3/2 || longest < beat/2 {
			t.Errorf("%s heard nothing for %s at the longest, with a beat every %s", m.cfg.ID, longest, beat)
		}
	}
}

// TestEveryMemberFeelsTheBeat holds that Beats tells of the heartbeats, on both sides, again and again.
func TestEveryMemberFeelsTheBeat(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	for _, m := range members {
		for range 3 {
			select {
			case <-m.Beats():
			case <-time.After(patience):
				t.Fatalf("%s heard of no heartbeat for %s", m.cfg.ID, patience)
			}
		}
	}
}
