package consensus

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/consensus/storage"
)

func serversOf(t *testing.T, m *member) []Server {
	t.Helper()
	servers, _, err := m.Servers()
	if err != nil {
		t.Fatal(err)
	}
	return servers
}

func TestSecondBootstrapIsRefused(t *testing.T) {
	t.Parallel()
	m := startMember(t, "a", t.TempDir())
	if has, err := m.HasState(); has || err != nil {
		t.Errorf("a new member has state: %v, %v", has, err)
	}
	bootstrapAlone(t, m)
	if has, err := m.HasState(); !has || err != nil {
		t.Errorf("a bootstrapped member has state: %v, %v", has, err)
	}
	for range 2 {
		err := m.Bootstrap([]Server{{ID: "a", Addr: m.cfg.Addr, Voter: true}})
		if cluster.CodeOf(err) != cluster.Conflict || !strings.Contains(err.Error(), m.cfg.DataDir) {
			t.Errorf("error %v, want one of code %v that names the data_dir", err, cluster.Conflict)
		}
		m.stop(t)
		m = startMember(t, "a", m.cfg.DataDir)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	t.Parallel()
	m := startMember(t, "a", t.TempDir())
	own := Server{ID: "a", Addr: m.cfg.Addr, Voter: true}
	for name, servers := range map[string][]Server{
		"nobody":             nil,
		"others alone":       {{ID: "b", Addr: "127.0.0.1:1", Voter: true}},
		"itself as nonvoter": {{ID: "a", Addr: m.cfg.Addr}, {ID: "b", Addr: "127.0.0.1:1", Voter: true}},
		"an ID twice":        {own, {ID: "a", Addr: "127.0.0.1:1", Voter: true}},
		"an address twice":   {own, {ID: "b", Addr: m.cfg.Addr, Voter: true}},
		"no address":         {own, {ID: "b", Voter: true}},
	} {
		if err := m.Bootstrap(servers); cluster.CodeOf(err) != cluster.Invalid {
			t.Errorf("%s: error %v, want code %v", name, err, cluster.Invalid)
		}
	}
	if has, err := m.HasState(); has || err != nil {
		t.Errorf("a refused bootstrap left state: %v, %v", has, err)
	}
}

func TestAllMayBootstrapAtOnce(t *testing.T) {
	t.Parallel()
	var members []*member
	var servers []Server
	for i := range 3 {
		m := startMember(t, string(rune('a'+i)), t.TempDir())
		members = append(members, m)
		servers = append(servers, Server{ID: m.cfg.ID, Addr: m.cfg.Addr, Voter: true})
	}
	for _, m := range members {
		if err := m.Bootstrap(servers); err != nil && cluster.CodeOf(err) != cluster.Conflict {
			t.Error(err)
		}
	}
	leader := leaderOf(t, members)
	if got := serversOf(t, leader); !slices.Equal(got, servers) {
		t.Errorf("the peer set is %v, want %v", got, servers)
	}
}

func TestVotersAndNonvotersComeAndGo(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	first := startMember(t, "a", t.TempDir())
	bootstrapAlone(t, first)
	index := write(t, []*member{first}, "k", "v")
	_, before, _ := first.Servers()

	second := startMember(t, "b", t.TempDir())
	if err := first.AddNonvoter(ctx, "b", second.cfg.Addr); err != nil {
		t.Fatal(err)
	}
	if got := read(t, second, index, "k"); got != "v" {
		t.Errorf("the non-voter reads %q", got)
	}
	eventually(t, "the non-voter is caught up and knows the leader", func() bool {
		id, _, _, ok := second.Following()
		return second.CaughtUp() && ok && id == "a"
	})
	want := []Server{{"a", first.cfg.Addr, true}, {"b", second.cfg.Addr, false}}
	for _, m := range []*member{first, second} {
		eventually(t, m.cfg.ID+" knows the peer set", func() bool { return slices.Equal(serversOf(t, m), want) })
	}
	_, after, _ := first.Servers()
	if after <= before {
		t.Errorf("the index of the peer set went from %d to %d", before, after)
	}

	steps := []struct {
		what string
		do   func() error
		want []Server
	}{
		{"a non-voter gets a vote", func() error { return first.AddVoter(ctx, "b", second.cfg.Addr) }, []Server{want[0], {"b", second.cfg.Addr, true}}},
		{"a voter stays one", func() error { return first.AddNonvoter(ctx, "b", second.cfg.Addr) }, []Server{want[0], {"b", second.cfg.Addr, true}}},
		{"a member is removed", func() error { return first.Remove(ctx, "b") }, want[:1]},
		{"a stranger is removed", func() error { return first.Remove(ctx, "b") }, want[:1]},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.what, err)
		}
		if got := serversOf(t, first); !slices.Equal(got, s.want) {
			t.Fatalf("%s: the peer set is %v, want %v", s.what, got, s.want)
		}
	}
}

func TestChangesOfThePeerSetAreRefused(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	rest := without(members, leader)
	for name, c := range map[string]struct {
		err  error
		want cluster.Code
	}{
		"without ID":             {leader.AddVoter(ctx, "", "127.0.0.1:1"), cluster.Invalid},
		"without address":        {leader.AddNonvoter(ctx, "d", ""), cluster.Invalid},
		"another's address":      {leader.AddVoter(ctx, "d", rest[0].cfg.Addr), cluster.Conflict},
		"on a follower":          {rest[0].AddVoter(ctx, "d", "127.0.0.1:1"), cluster.NoLeader},
		"remove on a follower":   {rest[0].Remove(ctx, "d"), cluster.NoLeader},
		"transfer on a follower": {rest[0].TransferLeadership(ctx, ""), cluster.NoLeader},
		"transfer to a stranger": {leader.TransferLeadership(ctx, "d"), cluster.Invalid},
		"transfer to itself":     {leader.TransferLeadership(ctx, leader.cfg.ID), cluster.Invalid},
	} {
		if cluster.CodeOf(c.err) != c.want || c.err == nil {
			t.Errorf("%s: error %v, want code %v", name, c.err, c.want)
		}
	}
	alone := startCluster(t, 1)[0]
	if err := alone.Remove(ctx, "a"); cluster.CodeOf(err) != cluster.Conflict {
		t.Errorf("the last voter is removed: error %v", err)
	}
}

func TestTransferToAnAbsentMemberFails(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	gone := without(members, leader)[0]
	gone.stop(t)
	if err := leader.TransferLeadership(testContext(t), gone.cfg.ID); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("error %v, want code %v", err, cluster.Unavailable)
	}
	write(t, without(members, gone), "k", "v")
}

func TestLeaderMayRemoveItself(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	if err := leader.Remove(testContext(t), leader.cfg.ID); err != nil {
		t.Fatal(err)
	}
	rest := without(members, leader)
	next := leaderOf(t, rest)
	if got := serversOf(t, next); len(got) != 2 {
		t.Errorf("the peer set is %v", got)
	}
	// It may be added again.
	if err := next.AddVoter(testContext(t), leader.cfg.ID, leader.cfg.Addr); err != nil {
		t.Fatal(err)
	}
	leaderOf(t, members)
}

func TestVoterComesBackWithAnotherAddress(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	gone := without(members, leader)[0]
	gone.stop(t)
	index := write(t, members, "k", "v")

	back := startMember(t, gone.cfg.ID, gone.cfg.DataDir)
	if back.cfg.Addr == gone.cfg.Addr {
		t.Skip("the port came back by chance")
	}
	eventually(t, "the leader takes the new address", func() bool {
		return leaderOf(t, without(members, gone)).AddVoter(ctx, back.cfg.ID, back.cfg.Addr) == nil
	})
	if got := read(t, back, index, "k"); got != "v" {
		t.Errorf("the member that came back reads %q", got)
	}
	members = append(without(members, gone), back)
	// With its vote the cluster survives the loss of another.
	other := without(members, leaderOf(t, members))[0]
	other.stop(t)
	write(t, without(members, other), "k", "v2")
}

func TestAllComeBackWithOtherAddresses(t *testing.T) {
	t.Parallel()
	addrs := map[string]string{}
	lookup := func(c *Config) { c.Lookup = func() map[string]string { return addrs } }
	members := startCluster(t, 3, lookup)
	index := write(t, members, "k", "v")
	for _, m := range members {
		m.stop(t)
	}
	var back []*member
	for _, m := range members {
		n := newMember(t, m.cfg.ID, m.cfg.DataDir, lookup)
		addrs[m.cfg.ID] = n.cfg.Addr
		back = append(back, n)
	}
	for _, n := range back {
		if err := n.Open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.stop(t) })
	}
	leader := leaderOf(t, back)
	if got := read(t, leader, index, "k"); got != "v" {
		t.Errorf("after the restart the leader reads %q", got)
	}
	if id, addr := back[0].Leader(); addr != addrs[id] {
		t.Errorf("the leader %s is said to be at %s, it is at %s", id, addr, addrs[id])
	}
}

func TestLateJoinerGetsASnapshot(t *testing.T) {
	t.Parallel()
	few := func(c *Config) { c.TrailingLogs, c.SegmentSize = 1, storage.MinSegment } // a segment goes as a whole
	first := startMember(t, "a", t.TempDir(), few)
	bootstrapAlone(t, first)
	const keys = 300
	for i := range keys {
		write(t, []*member{first}, key(i), strconv.Itoa(i))
	}
	snapshotNow(t, first)
	index := write(t, []*member{first}, "after", "v")

	late := startMember(t, "b", t.TempDir(), few)
	replaced := late.store.Replaced()
	if err := first.AddVoter(testContext(t), "b", late.cfg.Addr); err != nil {
		t.Fatal(err)
	}
	if got := read(t, late, index, "after"); got != "v" {
		t.Errorf("the late joiner reads %q", got)
	}
	if n := len(late.store.View().KVList("key/")); n != keys {
		t.Errorf("the late joiner has %d keys, want %d", n, keys)
	}
	select {
	case <-replaced:
	default:
		t.Error("the late joiner got the log and no snapshot")
	}
	_, want, _ := first.Servers()
	eventually(t, "the late joiner knows the index of the peer set", func() bool { _, got, _ := late.Servers(); return got == want })

	// What it was sent serves it after a restart as well.
	late.stop(t)
	again := startMember(t, "b", late.cfg.DataDir, few)
	if again.store.AppliedIndex() == 0 {
		t.Error("nothing was restored")
	}
	if _, got, _ := again.Servers(); got == 0 {
		t.Error("the index of the peer set is 0 after the restart")
	}
}

func TestServersOnAMemberOutsideOfThePeerSet(t *testing.T) {
	t.Parallel()
	m := startMember(t, "a", t.TempDir())
	if servers, index, err := m.Servers(); len(servers) != 0 || index != 0 || err != nil {
		t.Errorf("servers %v, index %d, error %v", servers, index, err)
	}
	if err := m.Remove(t.Context(), "a"); !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("error %v", err)
	}
}
