package consensus

import (
	"sync"
	"testing"

	"github.com/hashicorp/raft"
)

// directory says where the members of a test are, and follows them when they come back elsewhere.
type directory struct{ addrs sync.Map }

func (d *directory) adjust(c *Config) {
	rarely(c)
	d.addrs.Store(c.ID, c.Addr)
	c.Lookup = func() map[string]string {
		all := map[string]string{}
		d.addrs.Range(func(id, addr any) bool {
			all[id.(string)] = addr.(string)
			return true
		})
		return all
	}
}

// TestAMemberThatWasAwayHasTheLogAtOnce stops a follower and starts it again, with entries committed in between and without: raft itself
// would wait for CommitTimeout, here a minute.
func TestAMemberThatWasAwayHasTheLogAtOnce(t *testing.T) {
	t.Parallel()
	var d directory
	members := startCluster(t, 3, d.adjust)
	gone := without(members, leaderOf(t, members))[0]
	index := write(t, members, "k", "before")
	read(t, gone, index, "k")
	for _, during := range []string{"", "meanwhile", ""} {
		gone.stop(t)
		rest := without(members, gone)
		want := read(t, rest[0], index, "k")
		if during != "" {
			index, want = write(t, rest, "k", during), during
		}
		again := startMember(t, gone.cfg.ID, gone.cfg.DataDir, d.adjust)
		if got := read(t, again, index, "k"); got != want {
			t.Errorf("it reads %q, want %q", got, want)
		}
		members, gone = append(rest, again), again
	}
}

func TestAMemberThatWasUnpluggedHasTheLogAtOnce(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3, rarely)
	follower := without(members, leaderOf(t, members))[0]
	follower.layer.plug(false)
	index := write(t, without(members, follower), "k", "v")
	follower.layer.plug(true)
	if got := read(t, follower, index, "k"); got != "v" {
		t.Errorf("it reads %q", got)
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	r := reach{lost: map[raft.ServerID]chan struct{}{}}
	if r.find("b") {
		t.Error("a member is found that nobody has lost")
	}
	back := r.lose("b")
	if r.lose("b") != back || r.lose("c") == back {
		t.Error("losing a member twice is not the same as once")
	}
	select {
	case <-back:
		t.Error("a lost member is back")
	default:
	}
	if !r.find("b") || r.find("b") {
		t.Error("a member is found other than once")
	}
	<-back
}

// TestMessagesEndWithTheirReason sends to where nobody is: in a term that is over, and to no member of the peer set.
func TestMessagesEndWithTheirReason(t *testing.T) {
	t.Parallel()
	m := startMember(t, "a", t.TempDir())
	bootstrapAlone(t, m)
	leaderOf(t, []*member{m})
	m.layer.plug(false)
	for _, c := range []struct {
		id   raft.ServerID
		term uint64
		last uint64
	}{{"a", m.Term() - 1, 0}, {"stranger", m.Term(), 0}, {"a", m.Term() - 1, 7}, {"stranger", m.Term(), 7}} {
		req := &raft.AppendEntriesRequest{Term: c.term, PrevLogEntry: c.last}
		if err := m.trans.AppendEntries(c.id, "127.0.0.1:1", req, &raft.AppendEntriesResponse{}); err == nil {
			t.Errorf("to %s in term %d: no error", c.id, c.term)
		}
	}
	m.stop(t)
	if err := m.trans.AppendEntries("a", "127.0.0.1:1", &raft.AppendEntriesRequest{Term: 1}, &raft.AppendEntriesResponse{}); err == nil {
		t.Error("a closed transport sends")
	}
}

// TestASlowFollowerIsToldOnceMore holds when a follower that has stored entries is told that they are committed: where nobody will do it otherwise.
func TestASlowFollowerIsToldOnceMore(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	m := without(members, leaderOf(t, members))[0] // on a follower nobody takes the signal away
	index := write(t, members, "k", "v")
	read(t, m, index, "k")
	committed := m.raft.Load().CommitIndex()
	entries := func(index uint64) []*raft.Log { return []*raft.Log{{Index: index}} }
	for name, c := range map[string]struct {
		req  raft.AppendEntriesRequest
		tell bool
	}{
		"committed without it":       {raft.AppendEntriesRequest{Entries: entries(committed), LeaderCommitIndex: committed - 1}, true},
		"the message said so":        {raft.AppendEntriesRequest{Entries: entries(committed), LeaderCommitIndex: committed}, false},
		"not committed yet":          {raft.AppendEntriesRequest{Entries: entries(committed + 1), LeaderCommitIndex: committed}, false},
		"there was nothing to store": {raft.AppendEntriesRequest{LeaderCommitIndex: committed - 1}, false},
	} {
		select {
		case <-m.applied:
		default:
		}
		m.late(&c.req)
		if got := len(m.applied) == 1; got != c.tell {
			t.Errorf("%s: told %v, want %v", name, got, c.tell)
		}
	}
}
