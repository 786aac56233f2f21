package consensus

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/raft"

	"holdfast/cluster/consensus/lane"
)

// laneTo waits until a leader has a lane to a member.
func laneTo(tb testing.TB, leader, to *member) (l *lane.Lane) {
	tb.Helper()
	eventually(tb, "there is a lane", func() bool {
		l = leader.trans.lanes.To(raft.ServerID(to.cfg.ID))
		return l != nil
	})
	return l
}

// TestWritesThroughLanes writes with lanes to both followers, which hear of each commit by them alone, and goes on when a lane is cut.
func TestWritesThroughLanes(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3, rarely)
	write(t, members, "k", "before")
	leader := leaderOf(t, members)
	for range 3 {
		var lanes []*lane.Lane
		for _, m := range without(members, leader) {
			lanes = append(lanes, laneTo(t, leader, m))
		}
		for i := range 10 {
			index := write(t, members, "k", key(i))
			for _, m := range members {
				if got := read(t, m, index, "k"); got != key(i) {
					t.Errorf("%s reads %q, want %q", m.cfg.ID, got, key(i))
				}
			}
		}
		for _, l := range lanes {
			l.Close()
		}
	}
}

// TestMembersThatKnowNoLanes has members of a version before lanes, which close a connection that begins with a byte that raft does not know:
// they are told everything in raft's way, and are not asked again for a while.
func TestMembersThatKnowNoLanes(t *testing.T) {
	t.Parallel()
	var members []*member
	var servers []Server
	var asked atomic.Int32
	for _, id := range []string{"a", "b", "c"} {
		m := newMember(t, id, t.TempDir(), rarely)
		m.Peer = New(m.cfg, m.store, oldLayer{m.layer, &asked}, testLogger())
		if err := m.Open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.stop(t) })
		members, servers = append(members, m), append(servers, Server{ID: id, Addr: m.cfg.Addr, Voter: true})
	}
	if err := members[0].Bootstrap(servers); err != nil {
		t.Fatal(err)
	}
	leader := leaderOf(t, members)
	for i := range 20 {
		index := write(t, members, "k", key(i))
		for _, m := range members {
			if got := read(t, m, index, "k"); got != key(i) {
				t.Errorf("%s reads %q, want %q", m.cfg.ID, got, key(i))
			}
		}
	}
	eventually(t, "both were asked for a lane", func() bool { return asked.Load() >= 2 })
	for _, m := range without(members, leader) {
		if leader.trans.lanes.To(raft.ServerID(m.cfg.ID)) != nil {
			t.Errorf("there is a lane to %s", m.cfg.ID)
		}
	}
}

// oldLayer spoils the first byte of lanes, and counts them.
type oldLayer struct {
	*testLayer
	asked *atomic.Int32
}

func (l oldLayer) Accept() (net.Conn, error) {
	c, err := l.testLayer.Accept()
	return &oldConn{Conn: c, asked: l.asked}, err
}

type oldConn struct {
	net.Conn
	asked *atomic.Int32
	begun bool
}

func (c *oldConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.begun {
		if c.begun = true; b[0] == lane.First {
			b[0] = 0x7f
			c.asked.Add(1)
		}
	}
	return n, err
}
