package failover

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
)

// part is a role that writes into the journal of its bench.
type part struct {
	*journal
	broken error
}

func (p part) Begin(context.Context) (string, error) {
	p.add("begin")
	return "it is the primary", p.broken
}
func (p part) End(context.Context) (string, error) { p.add("end"); return "it is read-only", nil }

// TestRoleOrder holds that a role begins after the units and before the address is put onto the machine and the fence opens, and ends once, before the fence shuts.
func TestRoleOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.slow = 5 * time.Millisecond
		fit(s, cluster.Effects{Runs: units("a.service")})
		s.opts.Roles = map[string]Role{"g": part{journal: s.journal}}
		s.Assign("g", "n1", false)
		s.start().serves()
		s.wantOrder(0, "manage 10.0.0.100", "claim g 1", "start a.service", "begin", "put 10.0.0.100", "open 10.0.0.100") // a replica replicates from the address
		n := s.len()
		s.Assign("g", "n2", false)
		failovertest.Eventually(t, "it is gone", func() bool { return s.has("forget 10.0.0.100") })
		s.wantOrder(n, "end", "shut 10.0.0.100", "stop a.service", "release g 1", "remove 10.0.0.100")
	})
}

// TestRoleThatDoesNotBegin holds that the group is given back unopened, and what began in part is ended.
func TestRoleThatDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.slow = 5 * time.Millisecond
		fit(s, cluster.Effects{})
		s.opts.Roles = map[string]Role{"g": part{journal: s.journal, broken: errors.New("it does not answer")}}
		s.Assign("g", "n1", false)
		s.start()
		failovertest.Eventually(t, "the leader hears why", func() bool {
			return strings.HasPrefix(s.last().Unable["g"], "what goes with it did not start: it does not answer; it tries again after ")
		})
		failovertest.Eventually(t, "it is given back", func() bool { return s.has("forget 10.0.0.100") })
		s.wantOrder(0, "begin", "end", "release g 1", "forget 10.0.0.100")
		s.never(0, "open 10.0.0.100")
		s.never(0, "put 10.0.0.100")
	})
}
