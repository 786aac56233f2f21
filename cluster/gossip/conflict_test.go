package gossip

import (
	"slices"
	"strings"
	"testing"

	"holdfast/cluster"
)

func TestSecondAgentOfAName(t *testing.T) {
	all := openAll(t, 2, calm)
	first := all[1].Self().Addr
	second := open(t, "n2", calm)

	for _, to := range all { // n1, and the very agent whose name it has
		n, err := second.Join(t.Context(), []string{to.addr()})
		if n != 0 || cluster.CodeOf(err) != cluster.Conflict {
			t.Fatalf("joined %d, %v", n, err)
		}
		if want := "the agent at " + first.String() + " is called n2 as this one is: give this one another name"; !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	for _, m := range all {
		eventually(t, m.cfg.Name+" to report the conflict", func() bool {
			return slices.Equal(m.seen("n2"), []EventType{EventJoin, EventConflict}) // once, and the member neither failed nor moved
		})
		if o, _ := m.find("n2"); o.Addr != first || o.Status != cluster.StatusAlive {
			t.Errorf("%s sees n2 %v at %v", m.cfg.Name, o.Status, o.Addr)
		}
	}
	if got := len(second.Members()); got != 1 {
		t.Errorf("the second has %d members", got)
	}
}

func TestNameIsFreeOnceItsAgentHasFailed(t *testing.T) {
	all := openAll(t, 2)
	second := open(t, "n2")
	if _, err := second.Join(t.Context(), []string{all[0].addr()}); cluster.CodeOf(err) != cluster.Conflict {
		t.Fatal(err)
	}
	closeNow(t, all[1])
	eventually(t, "the second to be let in", func() bool {
		n, _ := second.Join(t.Context(), []string{all[0].addr()})
		return n == 1
	})
	eventually(t, "n1 to see it", func() bool {
		o, _ := all[0].find("n2")
		return o.Status == cluster.StatusAlive && o.Addr == second.Self().Addr
	})
}
