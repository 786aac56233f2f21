package consensus

import (
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
)

func TestWhereabouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		found := map[string]string{"b": "10.0.0.2:1"}
		w := newWhereabouts(&Peer{cfg: Config{ID: "a", Addr: "10.0.0.1:1", Lookup: func() map[string]string { asked++; return maps.Clone(found) }}})
		w.peers = func() []raft.Server {
			return []raft.Server{{ID: "a", Address: "10.9.9.9:1"}, {ID: "b", Address: "10.9.9.9:2"}, {ID: "c", Address: "10.9.9.9:3"}}
		}
		want := func(id raft.ServerID, addr raft.ServerAddress) {
			t.Helper()
			if got, err := w.ServerAddr(id); got != addr || err != nil {
				t.Errorf("%s is at %s, %v, want %s", id, got, err, addr)
			}
		}
		want("a", "10.0.0.1:1") // itself: what it advertises
		for range 100 {
			want("b", "10.0.0.2:1") // gossip goes before the peer set
		}
		want("c", "10.9.9.9:3") // the peer set, where gossip knows nothing
		if asked != 1 {
			t.Errorf("gossip was asked %d times, want once", asked)
		}
		found["b"] = "10.0.0.22:1"
		<-time.After(lookEvery)
		want("b", "10.0.0.22:1")
		if _, err := w.ServerAddr("z"); err == nil {
			t.Error("a stranger has an address")
		}
	})
}

// TestAddress holds that whoever speaks to a member beside raft finds it where raft does.
func TestAddress(t *testing.T) {
	t.Parallel()
	m := startMember(t, "a", t.TempDir(), func(c *Config) {
		c.Lookup = func() map[string]string { return map[string]string{"b": "10.0.0.2:1"} }
	})
	if addr, err := m.Address("b"); err != nil || addr != "10.0.0.2:1" {
		t.Errorf("b is at %q, %v", addr, err)
	}
	if addr, err := m.Address("z"); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("a stranger is at %q, %v", addr, err)
	}
	m.stop(t)
	if addr, err := m.Address("b"); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("after the end b is at %q, %v", addr, err)
	}
}

// TestOneMemberInThePlaceOfAnother has five members, of which one is said to be where another is: with three of them gone the other must not count
// twice, neither for the log nor in an election.
func TestOneMemberInThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	var d directory
	members := startCluster(t, 5, d.adjust)
	write(t, members, "k", "before")
	leader := leaderOf(t, members)
	rest := without(members, leader)
	there, gone := rest[0], rest[1:]
	id, addr := raft.ServerID(gone[0].cfg.ID), raft.ServerAddress(there.cfg.Addr)
	d.addrs.Store(gone[0].cfg.ID, there.cfg.Addr)
	eventually(t, "the members look for one where another is", func() bool {
		a, err := leader.Address(string(id))
		b, err2 := there.Address(string(id))
		return err == nil && err2 == nil && a == string(addr) && b == string(addr)
	})
	for _, m := range gone {
		m.stop(t)
	}
	eventually(t, "the leader leads no longer", func() bool { return !leader.IsLeader() })

	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(leader.cfg.ID), Addr: []byte(leader.cfg.Addr)}
	ask := map[string]func() error{
		"a heartbeat": func() error {
			return leader.trans.send(id, addr, &raft.AppendEntriesRequest{RPCHeader: header}, new(raft.AppendEntriesResponse))
		},
		"a pre-vote": func() error {
			return leader.trans.RequestPreVote(id, addr, &raft.RequestPreVoteRequest{RPCHeader: header}, new(raft.RequestPreVoteResponse))
		},
		"a vote": func() error {
			return leader.trans.RequestVote(id, addr, &raft.RequestVoteRequest{RPCHeader: header}, new(raft.RequestVoteResponse))
		},
	}
	for what, ask := range ask {
		if err := ask(); err == nil || !strings.Contains(err.Error(), there.cfg.ID+" answers in the place of "+string(id)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
