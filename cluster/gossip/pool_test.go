package gossip

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
	"holdfast/cluster/pause"
)

func TestJoin(t *testing.T) {
	all := openAll(t, 3, calm)
	for _, m := range all {
		var names []string
		for _, o := range m.Members() {
			names = append(names, o.Name)
			if o.Status != cluster.StatusAlive {
				t.Errorf("%s sees %s %v", m.cfg.Name, o.Name, o.Status)
			}
			if got := all[slices.Index([]string{"n1", "n2", "n3"}, o.Name)].Self().Addr; o.Addr != got {
				t.Errorf("%s sees %s at %v, it is at %v", m.cfg.Name, o.Name, o.Addr, got)
			}
		}
		if !slices.Equal(names, []string{"n1", "n2", "n3"}) {
			t.Errorf("%s sees %v", m.cfg.Name, names)
		}
		for _, name := range names {
			eventually(t, "the join event", func() bool { return slices.Equal(m.seen(name), []EventType{EventJoin}) })
		}
		if peers := m.Peers(); len(peers) != 2 || slices.Contains(peers, m.addr()) {
			t.Errorf("%s keeps %v", m.cfg.Name, peers)
		}
	}
}

func TestJoinOwnAddressNeitherCountsNorFails(t *testing.T) {
	m := open(t, "n1")
	if n, err := m.Join(t.Context(), []string{m.addr()}); n != 0 || err != nil {
		t.Errorf("joined %d, %v", n, err)
	}
}

func TestJoinNobody(t *testing.T) {
	m := open(t, "n1")
	free := open(t, "free")
	addr := free.addr()
	closeNow(t, free)
	n, err := m.Join(t.Context(), []string{addr, "::nonsense::"})
	if n != 0 || err == nil {
		t.Fatalf("joined %d, %v", n, err)
	}
	for _, want := range []string{"cannot join " + addr + ": connection refused", `cannot join "::nonsense::"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestJoinEndsWithItsContext(t *testing.T) {
	m := open(t, "n1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := m.Join(ctx, []string{"127.0.0.1:1"}); n != 0 || err == nil {
		t.Errorf("joined %d, %v", n, err)
	}
}

func TestManyConverge(t *testing.T) {
	const n = 25
	all := openAll(t, n, calm)
	for _, m := range all {
		if got := len(m.Members()); got != n {
			t.Errorf("%s knows %d of %d", m.cfg.Name, got, n)
		}
	}
}

func TestFail(t *testing.T) {
	all := openAll(t, 3)
	closeNow(t, all[2])
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusFailed)
		eventually(t, "the fail event", func() bool { return slices.Contains(m.seen("n3"), EventFail) })
		if !slices.Contains(m.Peers(), all[2].addr()) {
			t.Errorf("%s no longer keeps the failed member's address", m.cfg.Name)
		}
	}
}

func TestRestartIsSeenAlive(t *testing.T) {
	all := openAll(t, 2)
	at := all[1].Self().Addr
	closeNow(t, all[1])
	awaitStatus(t, all[0], "n2", cluster.StatusFailed)
	back := open(t, "n2", func(cfg *Config) { cfg.Bind = at; cfg.Tags = map[string]string{"life": "second"} })
	join(t, back, all[0])
	eventually(t, "n2 to be back with its new tags", func() bool {
		m, _ := all[0].find("n2")
		return m.Status == cluster.StatusAlive && m.Tags["life"] == "second"
	})
}

func TestRestartFasterThanDetection(t *testing.T) {
	all := openAll(t, 2, calm)
	at := all[1].Self().Addr
	closeNow(t, all[1])
	back := open(t, "n2", calm, func(cfg *Config) { cfg.Bind = at; cfg.Tags = map[string]string{"life": "second"} })
	join(t, back, all[0])
	eventually(t, "the new tags", func() bool { m, _ := all[0].find("n2"); return m.Tags["life"] == "second" })
	if got := all[0].seen("n2"); slices.Contains(got, EventFail) {
		t.Errorf("a restart that nobody noticed was reported as %v", got)
	}
}

func TestFailedMemberIsFollowedToAnotherAddress(t *testing.T) {
	all := openAll(t, 3)
	closeNow(t, all[2])
	for _, m := range all[:2] {
		awaitStatus(t, m, "n3", cluster.StatusFailed)
	}
	back := open(t, "n3")
	join(t, back, all[0])
	for _, m := range all[:2] {
		eventually(t, m.cfg.Name+" to see n3 at its new address", func() bool {
			o, _ := m.find("n3")
			return o.Status == cluster.StatusAlive && o.Addr == back.Self().Addr
		})
	}
}

func TestReconnectHealsAPartition(t *testing.T) {
	net := &network{}
	// memberlist itself gives up on the dead at once, so that it is the pool that heals.
	forgetful := func(cfg *Config) {
		cfg.adjust = func(m *memberlist.Config) { m.GossipToTheDeadTime = time.Nanosecond }
	}
	all := openAll(t, 3, net.join, forgetful)
	net.isolate(all[2])
	awaitStatus(t, all[0], "n3", cluster.StatusFailed)
	awaitStatus(t, all[1], "n3", cluster.StatusFailed)
	awaitStatus(t, all[2], "n1", cluster.StatusFailed)
	awaitStatus(t, all[2], "n2", cluster.StatusFailed)
	net.heal()
	for _, m := range all {
		for _, o := range all {
			awaitStatus(t, m, o.cfg.Name, cluster.StatusAlive)
		}
	}
	eventually(t, "the join event after the fail event", func() bool {
		got := all[0].seen("n3")
		return slices.Contains(got, EventFail) && got[len(got)-1] == EventJoin
	})
}

func TestReap(t *testing.T) {
	all := openAll(t, 3, func(cfg *Config) {
		cfg.ReconnectTimeout, cfg.TombstoneTimeout = 2*time.Second, 2*time.Second
	})
	closeNow(t, all[2])
	if err := all[1].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeNow(t, all[1])
	eventually(t, "both to be forgotten", func() bool { return len(all[0].Members()) == 1 })
	for _, name := range []string{"n2", "n3"} {
		eventually(t, "the reap event of "+name, func() bool {
			got := all[0].seen(name)
			return len(got) > 0 && got[len(got)-1] == EventReap
		})
	}
}

func TestLateStarterKnowsTheFailed(t *testing.T) {
	all := openAll(t, 3, func(cfg *Config) { cfg.Tags = map[string]string{"of": cfg.Name} })
	closeNow(t, all[2])
	awaitStatus(t, all[0], "n3", cluster.StatusFailed)
	late := open(t, "late")
	join(t, late, all[0])
	awaitStatus(t, late, "n3", cluster.StatusFailed)
	m, _ := late.find("n3")
	if want := all[2].cfg.Tags; m.Addr.String() == "" || !maps.Equal(m.Tags, want) {
		t.Errorf("the late starter knows %+v, tags should be %v", m, want)
	}
	back := open(t, "n3", func(cfg *Config) { cfg.Bind = m.Addr })
	awaitStatus(t, late, "n3", cluster.StatusAlive) // nobody but the others tries
	awaitStatus(t, back, "late", cluster.StatusAlive)
}

func TestSetTags(t *testing.T) {
	all := openAll(t, 3, calm, noPushPull)
	tags := map[string]string{"role": "consul", "id": "4f"}
	if err := all[1].SetTags(tags); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		eventually(t, m.cfg.Name+" to see the tags", func() bool { o, _ := m.find("n2"); return maps.Equal(o.Tags, tags) })
		eventually(t, "the update event", func() bool { return slices.Equal(m.seen("n2"), []EventType{EventJoin, EventUpdate}) })
	}
	err := all[1].SetTags(map[string]string{"long": strings.Repeat("x", message.MaxTags)})
	if cluster.CodeOf(err) != cluster.TooLarge || !strings.Contains(err.Error(), "drop or shorten some") {
		t.Errorf("too many tags: %v", err)
	}
	if o := all[1].Self(); !maps.Equal(o.Tags, tags) {
		t.Errorf("refused tags are in force: %v", o.Tags)
	}
}

func TestMembersAreCopies(t *testing.T) {
	m := open(t, "n1", func(cfg *Config) { cfg.Tags = map[string]string{"a": "b"} })
	m.Members()[0].Tags["a"] = "changed"
	m.Self().Tags["a"] = "changed"
	if got := m.Self().Tags["a"]; got != "b" {
		t.Errorf("a caller changed the pool's tags: %q", got)
	}
}

func TestUnreadableTagsCountAsNone(t *testing.T) {
	m := open(t, "n1", calm)
	other := rawMember(t, "other", []byte{0xff, 0xfe, 0x00})
	if _, err := other.Join([]string{m.addr()}); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, m, "other", cluster.StatusAlive)
	if o, _ := m.find("other"); len(o.Tags) != 0 {
		t.Errorf("tags %v", o.Tags)
	}
}

func TestMemberWithAnImpossibleNameIsKeptOut(t *testing.T) {
	m := open(t, "n1", calm)
	other := rawMember(t, "a\nb", nil)
	if _, err := other.Join([]string{m.addr()}); err != nil {
		t.Fatal(err)
	}
	next := open(t, "n2", calm)
	join(t, next, m)
	awaitStatus(t, m, "n2", cluster.StatusAlive)
	if got := m.Members(); len(got) != 2 {
		t.Errorf("members %v", got)
	}
}

func TestAcceptRefuses(t *testing.T) {
	datacenter := func(dc string) func(*Config) {
		return func(cfg *Config) {
			cfg.Tags = map[string]string{cluster.TagDatacenter: dc}
			cfg.Accept = func(m cluster.Member) error {
				if got := m.Tags[cluster.TagDatacenter]; got != dc {
					return fmt.Errorf("member %s is of datacenter %s, this one of %s", m.Name, got, dc)
				}
				return nil
			}
		}
	}
	one, other := open(t, "n1", calm, datacenter("dc1")), open(t, "n2", calm, datacenter("dc2"))
	n, err := other.Join(t.Context(), []string{one.addr()})
	if n != 0 || err == nil || !strings.Contains(err.Error(), "member n1 is of datacenter dc1, this one of dc2") {
		t.Errorf("joined %d, %v", n, err)
	}
	if len(one.Members()) != 1 || len(other.Members()) != 1 {
		t.Errorf("members %v and %v", one.Members(), other.Members())
	}
	// An agent that accepts everybody is not let in either, neither by its join nor by its gossip.
	careless := open(t, "n3", calm)
	join(t, careless, one)
	noTags, _ := message.EncodeTags(nil)
	alive := &memberlist.Node{Name: "n3", Addr: careless.Self().Addr.Addr().AsSlice(), Port: careless.Self().Addr.Port(), Meta: noTags}
	if err := (delegate{one.Pool}).NotifyAlive(alive); err == nil {
		t.Error("its gossip is heard")
	}
	if got := one.Members(); len(got) != 1 {
		t.Errorf("members %v", got)
	}
}

func TestIPv6(t *testing.T) {
	onLoopback := func(cfg *Config) { cfg.Bind = netip.MustParseAddrPort("[::1]:0") }
	one := unopened(quick("n1"), calm, onLoopback)
	if err := one.Open(); err != nil {
		t.Skipf("this machine has no ::1: %v", err)
	}
	defer closeNow(t, one)
	two := open(t, "n2", calm, onLoopback)
	join(t, two, one)
	awaitStatus(t, one, "n2", cluster.StatusAlive)
	if got, _ := one.find("n2"); got.Addr != two.Self().Addr || !got.Addr.Addr().Is6() {
		t.Errorf("n2 at %v", got.Addr)
	}
}

func TestPortInUse(t *testing.T) {
	one := open(t, "n1")
	two := unopened(quick("n2"), func(cfg *Config) { cfg.Bind = one.Self().Addr })
	err := two.Open()
	want := "gossip cannot listen on " + one.addr() + ": the port is in use: stop what listens there, or change ports.serf_lan or bind_addr"
	if cluster.CodeOf(err) != cluster.Conflict || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	closeNow(t, two)
}

func TestAddressOfAnotherMachine(t *testing.T) {
	m := unopened(quick("n1"), func(cfg *Config) { cfg.Bind = netip.MustParseAddrPort("192.0.2.1:0") })
	err := m.Open()
	if err == nil || !strings.Contains(err.Error(), "no interface of this machine has that address: change bind_addr") {
		t.Error(err)
	}
}

func TestLifecycle(t *testing.T) {
	m := unopened(quick("n1"))
	calls := map[string]func() error{
		"join":        func() error { _, err := m.Join(t.Context(), []string{"127.0.0.1:1"}); return err },
		"leave":       func() error { return m.Leave(t.Context()) },
		"event":       func() error { return m.SendEvent(nil) },
		"force-leave": func() error { return m.ForceLeave("n2", false) },
		"list keys":   func() error { _, err := m.listKeys(); return err },
	}
	check := func(when string) {
		t.Helper()
		for name, call := range calls {
			if err := call(); cluster.CodeOf(err) != cluster.Unavailable {
				t.Errorf("%s %s: %v", name, when, err)
			}
		}
	}
	check("before Open")
	if err := m.SetTags(map[string]string{"life": "first"}); err != nil {
		t.Errorf("tags before Open: %v", err)
	}
	if got := m.Self(); got.Name != "n1" || got.Status != cluster.StatusNone {
		t.Errorf("self before Open: %+v", got)
	}
	if err := m.Open(); err != nil {
		t.Fatal(err)
	}
	if got := m.Self().Tags["life"]; got != "first" {
		t.Errorf("it announces %v", m.Self().Tags)
	}
	if err := m.Open(); cluster.CodeOf(err) != cluster.Conflict {
		t.Errorf("second Open: %v", err)
	}
	closeNow(t, m)
	closeNow(t, m)
	check("after Close")
	if err := m.SetTags(nil); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("tags after Close: %v", err)
	}
	if err := m.Open(); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("Open after Close: %v", err)
	}
}

func TestCloseDeliversWhatWaits(t *testing.T) {
	m := unopened(quick("n1"))
	if err := m.Open(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := m.SendEvent([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	closeNow(t, m)
	if got := len(m.payloads()); got != 10 {
		t.Errorf("%d of 10 events delivered", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	all := openAll(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var tasks sync.WaitGroup
	repeat := func(fn func(i int)) {
		tasks.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				fn(i)
			}
		})
	}
	for i, m := range all {
		repeat(func(int) { m.Members(); m.Self(); m.Peers() })
		repeat(func(n int) { _ = m.SetTags(map[string]string{"n": strconv.Itoa(n)}); pause.For(ctx, time.Millisecond) })
		repeat(func(n int) { _ = m.SendEvent(fmt.Appendf(nil, "%d/%d", i, n)); pause.For(ctx, time.Millisecond) })
		repeat(func(int) { _, _ = m.Join(ctx, []string{all[(i+1)%3].addr()}); pause.For(ctx, 10*time.Millisecond) })
		repeat(func(int) { _ = m.ForceLeave(all[(i+1)%3].cfg.Name, false); pause.For(ctx, 20*time.Millisecond) })
	}
	tasks.Wait()
	for _, m := range all {
		for _, o := range all {
			awaitStatus(t, m, o.cfg.Name, cluster.StatusAlive)
		}
	}
	tasks.Go(func() { _ = all[2].Leave(t.Context()) })
	tasks.Go(func() { _ = all[1].SetTags(nil) })
	tasks.Go(func() { _ = all[1].Close() })
	tasks.Wait()
}
