package failover

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/fence"
)

// heldStage is a machine that serves g, which is to be held without a leader or not, and whose leader falls silent.
func heldStage(t *testing.T, policy string, voters error) *stage {
	t.Helper()
	s := newStage(t)
	s.opts.TTL = time.Second // a machine that is busy must not miss it
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.OnQuorumLoss = policy
	s.Do(failovertest.Put(g))
	s.holdErr = voters
	s.Assign("g", "n1", false)
	s.start().serves()
	s.set(func() { s.mute = true })
	return s
}

// TestHold holds that a group that is to be held goes on without a leader exactly while every voter lets it.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := heldStage(t, cluster.QuorumLossHold, nil)
		n := s.len()
		failovertest.Eventually(t, "the voters are asked again and again", func() bool { return s.asked() >= 3 })
		s.never(n, "open 10.0.0.100") // it is written down only where it was shut before
		s.never(n, "shut 10.0.0.100")
		if h := s.controller.Holdings(); len(h) != 1 || h[0].Phase != "holding" || !s.serving("10.0.0.100") {
			t.Errorf("holdings: %+v", h)
		}
		s.set(func() { s.mute = false })
		failovertest.Eventually(t, "the timeline tells both", func() bool {
			told := s.Told(cluster.TransitionHold)
			return len(told) == 2 && strings.HasPrefix(told[0], "n1 goes on without a leader") && told[1] == "a leader renews the lease of n1 again"
		})
		s.set(func() { s.mute, s.holdErr = true, cluster.ErrNoLeader })
		failovertest.Eventually(t, "it ends when a voter does not let it", func() bool { return s.has("remove 10.0.0.100") })
		if s.serving("10.0.0.100") {
			t.Error("it is served still")
		}
	})
}

// TestNoHold holds that without the policy, or where the daemon has only found the lease in the kernel, the lease runs out.
func TestNoHold(t *testing.T) {
	t.Run("release", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := heldStage(t, cluster.QuorumLossRelease, nil)
			failovertest.Eventually(t, "the lease runs out", func() bool { return s.has("remove 10.0.0.100") })
			if s.asked() != 0 {
				t.Errorf("the voters were asked %d times", s.asked())
			}
		})
	})
	t.Run("refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := heldStage(t, cluster.QuorumLossHold, cluster.ErrNoLeader)
			failovertest.Eventually(t, "the lease runs out", func() bool { return s.has("remove 10.0.0.100") })
			s.wantFewQuestions()
		})
	})
	t.Run("found in the kernel", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			g := failovertest.GroupOf("g", "10.0.0.100/24")
			g.OnQuorumLoss = cluster.QuorumLossHold
			s.Do(failovertest.Put(g))
			s.Assign("g", "n1", false)
			s.leave("10.0.0.100", now()+fence.Boottime(testTTL))
			s.mute = true
			s.start()
			failovertest.Eventually(t, "the lease runs out", func() bool { return s.has("remove 10.0.0.100") })
			s.wantFewQuestions()
		})
	})
}

// wantFewQuestions holds that the voters were asked more than once while a lease ran out, and not in a busy loop.
func (s *stage) wantFewQuestions() {
	s.t.Helper()
	if n := s.asked(); n < 2 || n > 13 {
		s.t.Errorf("the voters were asked %d times", n)
	}
}
