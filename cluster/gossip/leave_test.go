package gossip

import (
	"context"
	"slices"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

func TestLeave(t *testing.T) {
	all := openAll(t, 3, calm)
	if err := all[2].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := all[2].Self().Status; got != cluster.StatusLeft {
		t.Errorf("it sees itself %v", got)
	}
	closeNow(t, all[2])
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusLeft)
		eventually(t, "leaving, then left, and nothing else", func() bool {
			return slices.Equal(m.seen("n3"), []EventType{EventJoin, EventUpdate, EventLeave})
		})
		if slices.Contains(m.Peers(), all[2].addr()) {
			t.Errorf("%s keeps the address of a member that left", m.cfg.Name)
		}
	}
}

func TestLeaveOfALonelyMember(t *testing.T) {
	m := open(t, "n1")
	for range 2 { // the second changes nothing
		if err := m.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := m.Join(t.Context(), []string{"127.0.0.1:1"}); n != 0 || cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("join after leave: %d, %v", n, err)
	}
	if err := m.SetTags(nil); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("tags after leave: %v", err)
	}
}

func TestLeaveEndsWithItsContext(t *testing.T) {
	all := openAll(t, 2, calm, noPushPull)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = all[1].Leave(ctx) // whether the news got out in no time is not asserted; that it returns is
	if got := all[1].Self().Status; got != cluster.StatusLeft {
		t.Errorf("it sees itself %v", got)
	}
}

func TestRejoinAfterLeaveAtAnotherAddress(t *testing.T) {
	all := openAll(t, 3, calm)
	if err := all[2].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeNow(t, all[2])
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusLeft)
	}
	back := open(t, "n3", calm)
	join(t, back, all[1])
	for _, m := range append(all[:2:2], back) {
		eventually(t, m.cfg.Name+" to see n3 at its new address", func() bool {
			o, _ := m.find("n3")
			return o.Status == cluster.StatusAlive && o.Addr == back.Self().Addr
		})
	}
}

func TestOldLeaveDoesNotOverrideARejoin(t *testing.T) {
	all := openAll(t, 3, calm)
	if err := all[2].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, old := all[2].Self().Addr, all[2].timeOf("n3")
	closeNow(t, all[2])
	awaitStatus(t, all[0], "n3", cluster.StatusLeft)
	back := open(t, "n3", calm, func(cfg *Config) { cfg.Bind = at })
	join(t, back, all[0])
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusAlive)
		eventually(t, "the join intent", func() bool {
			return m.timeOf("n3") > old
		})
		if err := m.receive(message.Intent{Kind: message.LeaveIntent, Name: "n3", Time: old}.Encode()); err != nil {
			t.Fatal(err)
		}
		if got := m.status("n3"); got != cluster.StatusAlive {
			t.Errorf("after the old leave %s sees n3 %v", m.cfg.Name, got)
		}
	}
}

func TestForceLeave(t *testing.T) {
	all := openAll(t, 3)
	closeNow(t, all[2])
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusFailed)
	}
	if err := all[0].ForceLeave("n3", false); err != nil {
		t.Fatal(err)
	}
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusLeft)
		eventually(t, "the leave event", func() bool { return slices.Contains(m.seen("n3"), EventLeave) })
	}
}

func TestForceLeaveBeforeTheFailureIsSeen(t *testing.T) {
	all := openAll(t, 3)
	closeNow(t, all[2])
	if err := all[0].ForceLeave("n3", false); err != nil {
		t.Fatal(err)
	}
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusLeft)
	}
}

func TestForceLeaveOfALivingMemberIsRefuted(t *testing.T) {
	all := openAll(t, 3, calm)
	for _, prune := range []bool{false, true} {
		if err := all[0].ForceLeave("n3", prune); err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			awaitStatus(t, m, "n3", cluster.StatusAlive)
		}
	}
}

func TestPrune(t *testing.T) {
	all := openAll(t, 4)
	at := all[3].Self().Addr
	closeNow(t, all[3])
	for _, m := range all[:3] {
		awaitStatus(t, m, "n4", cluster.StatusFailed)
	}
	if err := all[0].ForceLeave("n4", true); err != nil {
		t.Fatal(err)
	}
	for _, m := range all[:3] {
		eventually(t, m.cfg.Name+" to forget n4", func() bool { _, known := m.find("n4"); return !known })
		eventually(t, "the events", func() bool {
			got := m.seen("n4")
			return len(got) >= 2 && slices.Equal(got[len(got)-2:], []EventType{EventLeave, EventReap})
		})
	}
	back := open(t, "n4", func(cfg *Config) { cfg.Bind = at })
	join(t, back, all[1])
	for _, m := range all[:3] {
		awaitStatus(t, m, "n4", cluster.StatusAlive)
	}
}

func TestForceLeaveOfNobody(t *testing.T) {
	m := open(t, "n1")
	if err := m.ForceLeave("n9", false); cluster.CodeOf(err) != cluster.NotFound {
		t.Error(err)
	}
	if err := m.ForceLeave("n1", true); cluster.CodeOf(err) != cluster.Invalid {
		t.Error(err)
	}
}
