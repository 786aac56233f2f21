package gossip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/gossip/message"
	"holdfast/cluster/pause"
)

// belongs makes a member of a cluster, which refuses those of others. "" stands for a member of an older version.
func belongs(id string) func(*Config) {
	return func(cfg *Config) {
		cfg.Tags = map[string]string{}
		if id != "" {
			cfg.Tags[cluster.TagCluster] = id
		}
		cfg.Accept = func(m cluster.Member) error {
			if theirs, ours := m.ClusterID(), (cluster.Member{Tags: cfg.Tags}).ClusterID(); theirs != "" && ours != "" && theirs != ours {
				return cluster.Errorf(cluster.Conflict, "member %s belongs to %s, this one to %s", m.Name, theirs, ours)
			}
			return nil
		}
	}
}

// alone fails the test if a member knows, or ever reported, anybody but those named.
func (m *member) knowsOnly(t *testing.T, names ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if e.Type != EventConflict && !slices.Contains(names, e.Member.Name) {
			t.Errorf("%s reported %v of %s", m.cfg.Name, e.Type, e.Member.Name)
		}
	}
	for _, o := range m.Members() {
		if !slices.Contains(names, o.Name) {
			t.Errorf("%s has the member %+v", m.cfg.Name, o)
		}
	}
}

func TestClustersAreNotJoined(t *testing.T) {
	a1, a2 := open(t, "a1", calm, belongs("id-a")), open(t, "a2", calm, belongs("id-a"))
	b1 := open(t, "b1", calm, belongs("id-b"))
	join(t, a2, a1)
	for _, x := range []struct{ from, to *member }{{a1, b1}, {b1, a1}, {b1, a2}, {a2, b1}} {
		n, err := x.from.Join(t.Context(), []string{x.to.addr()})
		if n != 0 || cluster.CodeOf(err) != cluster.Conflict || !strings.HasPrefix(err.Error(), "cannot join "+x.to.addr()+": member ") ||
			!strings.Contains(err.Error(), "id-a") || !strings.Contains(err.Error(), "id-b") {
			t.Errorf("%s joined %s: %d, %v", x.from.cfg.Name, x.to.cfg.Name, n, err)
		}
	}
	eventually(t, "a1 and a2 to know each other", func() bool { return a1.living.Load() == 2 && a2.living.Load() == 2 })
	a1.knowsOnly(t, "a1", "a2")
	a2.knowsOnly(t, "a1", "a2")
	b1.knowsOnly(t, "b1")
}

// TestOneClusterConverges holds that members with the ID, members without, and members of older versions form one pool.
func TestOneClusterConverges(t *testing.T) {
	all := []*member{
		open(t, "n1", belongs("id-a")), open(t, "n2", belongs("id-a")), open(t, "n3", belongs(cluster.NoCluster)), open(t, "n4", belongs("")),
	}
	for _, m := range all[1:] {
		join(t, m, all[0])
	}
	sees := func(n int64) func() bool {
		return func() bool {
			return !slices.ContainsFunc(all, func(m *member) bool { return m.living.Load() != n })
		}
	}
	eventually(t, "all to see all", sees(4))
	if err := all[2].SetTags(map[string]string{cluster.TagCluster: "id-a"}); err != nil {
		t.Fatal(err)
	}
	label := func(from, to *member) string { return from.border.label(to.Self().Addr) }
	eventually(t, "the members to label what they send each other", func() bool {
		return label(all[0], all[1]) == "id-a" && label(all[0], all[2]) == "id-a" && label(all[2], all[1]) == "id-a"
	})
	if got := label(all[0], all[3]); got != "" {
		t.Errorf("a member of an older version is sent the label %q", got)
	}
	if err := all[0].SendEvent([]byte("after")); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		eventually(t, m.cfg.Name+" to hear an event", func() bool { return slices.Contains(m.payloads(), "after") })
	}
	closeNow(t, all[1])
	awaitStatus(t, all[2], "n2", cluster.StatusFailed)
}

// TestMachineGivenToAnotherCluster has a machine that keeps its address and its name, but not its disk, which now belongs elsewhere.
func TestMachineGivenToAnotherCluster(t *testing.T) {
	for _, now := range []string{"id-b", cluster.NoCluster} {
		t.Run(now, func(t *testing.T) {
			a1, a2, a3 := open(t, "n1", belongs("id-a")), open(t, "n2", belongs("id-a")), open(t, "n3", belongs("id-a"))
			join(t, a2, a1)
			join(t, a3, a1)
			for _, m := range []*member{a1, a2, a3} {
				eventually(t, "all to be alive", func() bool { return m.living.Load() == 3 })
				eventually(t, "the labels", func() bool { return m == a3 || m.border.label(a3.Self().Addr) == "id-a" })
			}
			at := a3.Self().Addr
			closeNow(t, a3)
			moved := open(t, "n3", belongs(now), func(cfg *Config) { cfg.Bind = at })
			for _, m := range []*member{a1, a2} { // whose every attempt to reach it again fails
				awaitStatus(t, m, "n3", cluster.StatusFailed)
			}
			a1.change(func(t *membership.Table) { t.WriteOff("n2", false) }) // a lie about n2, which the pool passes on
			if now != cluster.NoCluster {
				if n, err := a1.Join(t.Context(), []string{at.String()}); n != 0 || err == nil || !strings.Contains(err.Error(), "another cluster") {
					t.Errorf("joined %d, %v", n, err)
				}
			}
			eventually(t, "n3 to be tried again", func() bool { return moved.border.told.Load() != 0 })
			moved.knowsOnly(t, "n3")
			if now == cluster.NoCluster { // asked by itself, it is taken in
				join(t, moved, a1)
				awaitStatus(t, a2, "n3", cluster.StatusAlive)
				eventually(t, "its new tags", func() bool {
					m, _ := a2.find("n3")
					return m.Tags[cluster.TagCluster] == cluster.NoCluster
				})
			}
		})
	}
}

// TestMachineThatLostItsDiskIsFound has one that names nobody to join: its old cluster finds it.
func TestMachineThatLostItsDiskIsFound(t *testing.T) {
	a1, a2 := open(t, "n1", belongs("id-a")), open(t, "n2", belongs("id-a"))
	join(t, a2, a1)
	eventually(t, "the label", func() bool { return a1.border.label(a2.Self().Addr) == "id-a" })
	at := a2.Self().Addr
	closeNow(t, a2)
	awaitStatus(t, a1, "n2", cluster.StatusFailed)
	back := open(t, "n2", belongs(cluster.NoCluster), func(cfg *Config) { cfg.Bind, cfg.Passive = at, true })
	awaitStatus(t, back, "n1", cluster.StatusAlive)
	eventually(t, "n2 to be back with its new tags", func() bool {
		m, _ := a1.find("n2")
		return m.Status == cluster.StatusAlive && m.Tags[cluster.TagCluster] == cluster.NoCluster
	})
}

// TestMachineGivenAwayBeforeItKnewTheID has one whose new cluster its old members learn of only as they compare what they know.
func TestMachineGivenAwayBeforeItKnewTheID(t *testing.T) {
	a1, a2 := open(t, "n1", belongs("id-a")), open(t, "n2", belongs(cluster.NoCluster))
	join(t, a2, a1)
	at := a2.Self().Addr
	closeNow(t, a2)
	moved := open(t, "n2", belongs("id-b"), func(cfg *Config) { cfg.Bind = at })
	awaitStatus(t, a1, "n2", cluster.StatusFailed)
	eventually(t, "n2 to be sent a label", func() bool { return moved.border.told.Load() != 0 })
	moved.knowsOnly(t, "n2")
}

// TestStateOfAnotherClusterIsDropped is about what a push/pull tells beside memberlist's own list.
func TestStateOfAnotherClusterIsDropped(t *testing.T) {
	gone := message.Entry{Status: message.EntryLeft, Time: 9, Name: "n9", Addr: netip.MustParseAddrPort("10.0.0.9:8301"), Tags: map[string]string{}}
	for _, x := range []struct {
		ours, theirs string
		taken        bool
	}{{"id-a", "id-b", false}, {"id-a", "id-a", true}, {"id-a", "", true}, {cluster.NoCluster, "id-b", true}, {"", "id-b", true}} {
		m := open(t, "n1", belongs(x.ours))
		(delegate{m.Pool}).MergeRemoteState(message.State{Clock: 9, Known: []message.Entry{gone}, Owner: x.theirs}.Encode(), false)
		if _, taken := m.find("n9"); taken != x.taken {
			t.Errorf("of %q, told by %q: taken %v, want %v", x.ours, x.theirs, taken, x.taken)
		}
		closeNow(t, m)
	}
}

func TestBorderLabels(t *testing.T) {
	at := func(last string) netip.AddrPort { return netip.MustParseAddrPort("10.0.0." + last + ":8301") }
	b := &border{log: slog.New(slog.DiscardHandler)}
	tb := membership.NewTable(membership.Config{Self: "n1", Report: func(membership.Change, cluster.Member) {}})
	add := func(name, last, id string, gone bool) {
		tb.Joined(cluster.Member{Name: name, Addr: at(last), Tags: map[string]string{cluster.TagCluster: id}})
		if gone {
			tb.Lost(name)
		}
	}
	add("n2", "2", "id-a", false)
	add("n3", "3", "id-a", true)
	add("n4", "4", cluster.NoCluster, false)
	add("n5", "5", "id-a", true)
	add("n6", "5", cluster.NoCluster, false) // in the place of n5
	add("n7", "7", "id-b", true)
	b.survey(tb)
	if got := b.label(at("2")); got != "" {
		t.Errorf("without an ID the label is %q", got)
	}
	b.draw(map[string]string{cluster.TagCluster: "id-a"})
	b.draw(map[string]string{cluster.TagCluster: cluster.UnnamedCluster}) // an ID is for ever
	b.survey(tb)
	for last, want := range map[string]string{"2": "id-a", "3": "id-a", "4": "", "5": "", "7": "", "8": ""} {
		if got := b.label(at(last)); got != want {
			t.Errorf("the label for 10.0.0.%s is %q, want %q", last, got, want)
		}
	}
	heard := func(last, id string) {
		b.gone(cluster.Member{Addr: at(last), Tags: map[string]string{cluster.TagCluster: id}})
	}
	heard("4", "id-b")
	heard("8", cluster.NoCluster)
	if four, eight := b.label(at("4")), b.label(at("8")); four != "id-a" || eight != "" {
		t.Errorf("the labels are %q where another cluster is, %q where none is", four, eight)
	}
	b.back(at("4"))
	if got := b.label(at("4")); got != "" {
		t.Errorf("the label for one that has joined is %q", got)
	}
	for label, want := range map[string]bool{"": true, "id-a": true, "id-b": false, "id": false} {
		if got := b.lets(label, "somebody"); got != want {
			t.Errorf("the label %q is let in: %v", label, got)
		}
	}
}

// TestDropsAreReportedOnceAMinute counts the lines.
func TestDropsAreReportedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		b := &border{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 130 {
			b.lets("id-b", "somebody")
			pause.For(t.Context(), time.Second)
		}
		if got := strings.Count(log.String(), "gossip of another cluster is dropped"); got != 3 {
			t.Errorf("%d lines in 130 s, want 3:\n%s", got, log.String())
		}
	})
}

// TestStreamsThatSayNothing has connections that never say whose they are: they end, and nobody waits for them.
func TestStreamsThatSayNothing(t *testing.T) {
	m := open(t, "n1", belongs("id-a"), func(cfg *Config) { cfg.StreamTimeout = 50 * time.Millisecond })
	var conns []net.Conn
	for _, first := range []string{"", "\xf4", "\xf4\x00", "\xf4\x05id", "\xf4\x04id-b"} {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", m.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write([]byte(first)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("connection %d was not closed: %v", i, err)
		}
	}
}

// TestLabelledPacket sends one through a transport of its own.
func TestLabelledPacket(t *testing.T) {
	cfg := quick("n1")
	b := &border{log: slog.New(slog.DiscardHandler)}
	b.draw(map[string]string{cluster.TagCluster: "id-a"})
	tr, err := listen(context.Background(), cfg, b, libraryLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Shutdown() }()
	here := netip.AddrPortFrom(cfg.Bind.Addr(), uint16(tr.GetAutoBindPort()))
	b.ours.Store(&map[netip.AddrPort]bool{here: true})
	to := memberlist.Address{Addr: here.String()}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "udp", here.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, send := range []func() error{
		func() error { _, err := c.Write([]byte("\xf4\x04id-bforeign")); return err },
		func() error { _, err := c.Write([]byte("\xf4\x09id-b")); return err }, // cut off
		func() error { _, err := tr.WriteToAddress([]byte("ours"), to); return err },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case p := <-tr.PacketCh():
		if string(p.Buf) != "ours" {
			t.Errorf("the packet %q came in", p.Buf)
		}
	case <-time.After(patience):
		t.Fatal("no packet came in")
	}
}
