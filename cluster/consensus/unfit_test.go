package consensus

import (
	"strings"
	"testing"
	"time"
)

// TestAMemberThatIsTooOldStops holds that a member which meets an entry of a newer version says so, can be closed, and stops there again when
// it is started anew.
func TestAMemberThatIsTooOldStops(t *testing.T) {
	t.Parallel()
	m := startCluster(t, 1)[0]
	index := write(t, []*member{m}, "k", "v")
	newer := append([]byte{0x7e}, make([]byte, 20)...)
	m.raft.Load().Apply(newer, time.Second)
	for range 2 {
		select {
		case err := <-m.Unfit():
			if !strings.Contains(err.Error(), "a newer version of Holdfast") || !strings.Contains(err.Error(), "the type 126 of the log entry: upgrade this member") {
				t.Errorf("why: %v", err)
			}
		case <-time.After(patience):
			t.Fatal("it does not say that it is too old")
		}
		if got := read(t, m, index, "k"); got != "v" {
			t.Errorf("it reads %q: what was applied before is there", got)
		}
		m.stop(t)
		m = startMember(t, m.cfg.ID, m.cfg.DataDir)
	}
}
