package gossip

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
	"holdfast/cluster/pause"
)

// patience is how long a test waits for what must come. It is far beyond what a quiet machine needs.
const patience = 30 * time.Second

// member is an open pool and what it has reported.
type member struct {
	*Pool
	mu     sync.Mutex
	events []Event
}

func (m *member) record(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
}

// seen is the types of the events about a member, in order.
func (m *member) seen(name string) []EventType {
	m.mu.Lock()
	defer m.mu.Unlock()
	var types []EventType
	for _, e := range m.events {
		if e.Member.Name == name {
			types = append(types, e.Type)
		}
	}
	return types
}

// payloads is the user events that were delivered.
func (m *member) payloads() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var got []string
	for _, e := range m.events {
		if e.Type == EventUser {
			got = append(got, string(e.Payload))
		}
	}
	return got
}

func (m *member) find(name string) (cluster.Member, bool) {
	for _, o := range m.Members() {
		if o.Name == name {
			return o, true
		}
	}
	return cluster.Member{}, false
}

func (m *member) status(name string) cluster.MemberStatus {
	o, _ := m.find(name)
	return o.Status
}

// timeOf is the Lamport time of the last intent about a member.
func (m *member) timeOf(name string) message.Time {
	for _, e := range m.state().Known {
		if e.Name == name {
			return e.Time
		}
	}
	return 0
}

func (m *member) addr() string { return m.Self().Addr.String() }

// quick is a configuration on loopback that sees a fault within about a second.
func quick(name string) Config {
	cfg := DefaultConfig()
	cfg.Name = name
	cfg.Bind = netip.MustParseAddrPort("127.0.0.1:0")
	cfg.ProbeInterval, cfg.ProbeTimeout = 200*time.Millisecond, 100*time.Millisecond
	cfg.GossipInterval = 20 * time.Millisecond
	cfg.PushPullInterval = 500 * time.Millisecond
	cfg.StreamTimeout = 2 * time.Second
	cfg.ReconnectInterval = 200 * time.Millisecond
	cfg.ReapInterval = 100 * time.Millisecond
	cfg.LeaveDelay = 50 * time.Millisecond
	return cfg
}

// calm is for tests that must not see a false failure, however slow the machine.
func calm(cfg *Config) {
	cfg.ProbeInterval, cfg.ProbeTimeout = 3*time.Second, 2*time.Second
}

// noPushPull leaves gossip alone to spread what it can.
func noPushPull(cfg *Config) { cfg.PushPullInterval = time.Hour }

func unopened(cfg Config, opts ...func(*Config)) *member {
	for _, opt := range opts {
		opt(&cfg)
	}
	m := &member{}
	cfg.OnEvent = m.record
	m.Pool = New(cfg, slog.New(slog.DiscardHandler))
	return m
}

func open(t *testing.T, name string, opts ...func(*Config)) *member {
	t.Helper()
	m := unopened(quick(name), opts...)
	if err := m.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// openAll is a pool of members n1, n2, ... that all know each other.
func openAll(t *testing.T, n int, opts ...func(*Config)) []*member {
	t.Helper()
	var all []*member
	for i := range n {
		m := open(t, fmt.Sprintf("n%d", i+1), opts...)
		if i > 0 {
			join(t, m, all[0])
		}
		all = append(all, m)
	}
	for _, m := range all {
		eventually(t, m.cfg.Name+" to see all alive", func() bool { return m.living.Load() == int64(n) })
	}
	return all
}

func join(t *testing.T, m, to *member) {
	t.Helper()
	if n, err := m.Join(t.Context(), []string{to.addr()}); n != 1 || err != nil {
		t.Fatalf("%s joined %d, %v", m.cfg.Name, n, err)
	}
}

func closeNow(t *testing.T, m *member) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !ok() {
		if !pause.For(ctx, 5*time.Millisecond) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func awaitStatus(t *testing.T, on *member, name string, want cluster.MemberStatus) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s to see %s %v", on.cfg.Name, name, want), func() bool { return on.status(name) == want })
}

// network can be parted. Its zero value is whole.
type network struct {
	mu       sync.Mutex
	isolated string // name
	addr     netip.AddrPort
}

// join makes what a member sends pass through the network.
func (n *network) join(cfg *Config) {
	from := cfg.Name
	cfg.Cut = func(to netip.AddrPort) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.isolated != "" && (from == n.isolated || to == n.addr)
	}
}

// isolate cuts a member off from all others.
func (n *network) isolate(m *member) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isolated, n.addr = m.cfg.Name, m.Self().Addr
}

func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isolated = ""
}

// rawMeta is a delegate with fixed metadata and nothing else.
type rawMeta []byte

func (r rawMeta) NodeMeta(int) []byte           { return r }
func (rawMeta) NotifyMsg([]byte)                {}
func (rawMeta) GetBroadcasts(int, int) [][]byte { return nil }
func (rawMeta) LocalState(bool) []byte          { return []byte("not a state") }
func (rawMeta) MergeRemoteState([]byte, bool)   {}

// rawMember is a bare memberlist that speaks our version and sends what it likes.
func rawMember(t *testing.T, name string, meta []byte) *memberlist.Memberlist {
	t.Helper()
	cfg := quick(name)
	calm(&cfg)
	m := cfg.memberlist()
	m.BindAddr, m.BindPort, m.AdvertiseAddr = "127.0.0.1", 0, "127.0.0.1"
	m.Delegate = rawMeta(meta)
	m.Logger = libraryLog(slog.New(slog.DiscardHandler))
	list, err := memberlist.Create(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = list.Shutdown() })
	return list
}
