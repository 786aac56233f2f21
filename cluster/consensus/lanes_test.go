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
	var asked atomic.Int32
	members := startPrepared(t, 3, func(m *member) { m.Peer = New(m.cfg, m.store, oldLayer{m.layer, &asked}, testLogger()) }, rarely)
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

// TestNoLaneToAnotherMember asks for a lane while a member is said to be where another one is. There is none, and when it is back it is sent what is its.
func TestNoLaneToAnotherMember(t *testing.T) {
	t.Parallel()
	var d directory
	members := startCluster(t, 3, d.adjust)
	write(t, members, "k", "before")
	leader := leaderOf(t, members)
	rest := without(members, leader)
	gone, other := rest[0], rest[1]
	id := raft.ServerID(gone.cfg.ID)
	earlier := laneTo(t, leader, gone)
	gone.stop(t)
	d.addrs.Store(gone.cfg.ID, other.cfg.Addr)
	if l, err := leader.openLane(id); err == nil {
		l.Close()
		t.Error("there is a lane to another member")
	}
	eventually(t, "the lane has ended", func() bool { return leader.trans.lanes.To(id) != earlier })
	again := startMember(t, gone.cfg.ID, gone.cfg.DataDir, d.adjust)
	eventually(t, "the leader knows where the member is", func() bool {
		addr, err := leader.Address(gone.cfg.ID)
		return err == nil && addr == again.cfg.Addr
	})
	members = []*member{leader, other, again}
	for i := range 10 {
		index := write(t, members, "k", key(i))
		if got := read(t, again, index, "k"); got != key(i) {
			t.Errorf("it reads %q, want %q", got, key(i))
		}
	}
}

// TestWhatWasSentAheadForNothing has raft send something else than what was sent ahead: when that is answered, the followers are told once more, for
// the lane has carried no word meanwhile.
func TestWhatWasSentAheadForNothing(t *testing.T) {
	t.Parallel()
	m := startMember(t, "a", t.TempDir()) // without a peer set nothing is applied
	e := &early{message: &raft.AppendEntriesRequest{Term: 1, PrevLogEntry: 7}, answered: make(chan struct{})}
	m.trans.ahead.early["b"] = e
	if err := m.trans.AppendEntries("b", "", &raft.AppendEntriesRequest{Term: 1, PrevLogEntry: 8}, &raft.AppendEntriesResponse{}); err == nil {
		t.Error("no error from a member that does not exist")
	}
	if len(m.applied) > 0 {
		t.Error("the followers are told before there is an answer")
	}
	e.answeredWith(raft.AppendEntriesResponse{}, nil)
	eventually(t, "the followers are told", func() bool { return len(m.applied) > 0 })
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
