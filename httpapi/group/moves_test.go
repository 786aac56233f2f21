package group

import (
	"testing"
	"time"

	"holdfast/cluster"
)

// TestMovesOfOne holds that a machine that has just come, or come back, is no sign of a move.
func TestMovesOfOne(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	ms := moves("g", []*cluster.Transition{
		{Index: 1, Time: at(0), Kind: cluster.TransitionAssign, Group: "g", Node: "n1", Epoch: 1, Why: "n1 is the best machine"},
		{Index: 2, Time: at(60000), Kind: cluster.TransitionPresence, Node: "n1", Why: "n1: it has not opened a lease channel to this leader"},
		{Index: 3, Time: at(61000), Kind: cluster.TransitionPresence, Node: "n1", Why: "n1: its lease channel is live"},
		{Index: 4, Time: at(62000), Kind: cluster.TransitionAssign, Group: "g", Node: "n2", Epoch: 2, Why: "an operator moved it to n2"},
		{Index: 5, Time: at(62002), Kind: cluster.TransitionRelease, Group: "g", Node: "n1", Epoch: 1, Why: "n1 gave the lease back"},
		{Index: 6, Time: at(62004), Kind: cluster.TransitionAnnounce, Group: "g", Node: "n2", Epoch: 2, Why: "the first packet told the neighbours"},
	}, 1)
	if len(ms) != 1 || ms[0].Took != "4ms" || len(ms[0].Steps) != 3 || ms[0].Steps[0].Kind != "assign" {
		t.Errorf("moves: %+v", ms)
	}
}

// TestMovesAfterALapse holds that a lapse that the machine came back from is no sign of the move that follows.
func TestMovesAfterALapse(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	ms := moves("g", []*cluster.Transition{
		{Index: 1, Time: at(0), Kind: cluster.TransitionAssign, Group: "g", Node: "n1", Epoch: 1, Why: "n1 is the best machine"},
		{Index: 2, Time: at(60000), Kind: cluster.TransitionLapse, Group: "g", Node: "n1", Epoch: 1, Why: "n1 lost the lease"},
		{Index: 3, Time: at(60100), Kind: cluster.TransitionAcquire, Group: "g", Node: "n1", Epoch: 1, Why: "n1 has the lease again"},
		{Index: 4, Time: at(64000), Kind: cluster.TransitionLapse, Group: "g", Node: "n1", Epoch: 1, Why: "n1 lost the lease"},
		{Index: 5, Time: at(64100), Kind: cluster.TransitionAssign, Group: "g", Node: "n2", Epoch: 2, Why: "n1 cannot hold it"},
		{Index: 6, Time: at(64104), Kind: cluster.TransitionAnnounce, Group: "g", Node: "n2", Epoch: 2, Why: "the first packet told the neighbours"},
	}, 1)
	if len(ms) != 1 || ms[0].Took != "104ms" || len(ms[0].Steps) != 3 || ms[0].Steps[0].Kind != "lapse" {
		t.Errorf("moves: %+v", ms)
	}
}

// TestMoves holds how moves are put together: from the last renewal that was heard to the first packet, with what both machines did.
func TestMoves(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	all := []*cluster.Transition{
		{Index: 1, Time: at(0), Kind: cluster.TransitionAssign, Group: "g", Node: "n1", Epoch: 1, Why: "n1 is the best machine"},
		{Index: 2, Time: at(5), Kind: cluster.TransitionAcquire, Group: "g", Node: "n1", Epoch: 1, Why: "n1 has the lease"},
		{Index: 3, Time: at(60000), Kind: cluster.TransitionPresence, Node: "n1", Why: "n1: no lease renewal from it for 700ms"},
		{Index: 3, Seq: 1, Time: at(60000), Kind: cluster.TransitionAssign, Group: "g", Node: "n2", Epoch: 2, Why: "n1 cannot hold it"},
		{Index: 3, Seq: 2, Time: at(60000), Kind: cluster.TransitionAssign, Group: "h", Node: "n2", Epoch: 9, Why: "another group"},
		{Index: 4, Time: at(60102), Kind: cluster.TransitionAcquire, Group: "g", Node: "n2", Epoch: 2, Why: "n2 has the lease"},
		{Index: 5, Time: at(60103), Kind: cluster.TransitionAnnounce, Group: "g", Node: "n2", Epoch: 2, Why: "the first packet told the neighbours"},
		{Index: 9, Time: at(59990), Kind: cluster.TransitionLapse, Group: "g", Node: "n1", Epoch: 1, Why: "n1 lost the lease"}, // it reports late
		{Index: 10, Time: at(90000), Kind: cluster.TransitionAssign, Group: "g", Node: "n2", Epoch: 3, Why: "its addresses were changed"},
	}
	ms := moves("g", all, 5)
	if len(ms) != 2 || ms[0].To != "n1" || ms[0].From != "" || ms[0].Took != "5ms" {
		t.Fatalf("moves: %+v", ms)
	}
	m := ms[1]
	if m.From != "n1" || m.To != "n2" || m.Epoch != 2 || m.Took != "803ms" || m.Cause != "n1 cannot hold it" {
		t.Errorf("the second move: %+v", m)
	}
	want := []Step{
		{"0s", "silence", "n1", ""}, {"690ms", "lapse", "n1", ""}, {"700ms", "presence", "n1", ""}, {"700ms", "assign", "n2", ""}, {"802ms", "acquire", "n2", ""}, {"803ms", "announce", "n2", ""},
	}
	if len(m.Steps) != len(want) {
		t.Fatalf("steps: %+v", m.Steps)
	}
	for i, s := range m.Steps {
		if s.Why == "" || s.After != want[i].After || s.Kind != want[i].Kind || s.Node != want[i].Node {
			t.Errorf("step %d is %+v, want %+v", i, s, want[i])
		}
	}
	if one := moves("g", all, 1); len(one) != 1 || one[0].Epoch != 2 {
		t.Errorf("the newest alone: %+v", one)
	}
}
