package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/state"
)

// patience is how long a test waits for what should take far less.
const patience = 20 * time.Second

// member is a peer with its store and its place in the network.
type member struct {
	*Peer
	store *state.Store
	layer *testLayer
}

// testLayer is plain TCP on loopback that can be unplugged.
type testLayer struct {
	net.Listener
	mu        sync.Mutex // guards following
	unplugged bool
	conns     map[net.Conn]bool
}

var errUnplugged = errors.New("unplugged")

func listen(tb testing.TB) *testLayer {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return &testLayer{Listener: l, conns: map[net.Conn]bool{}}
}

func (l *testLayer) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.keep(c) == nil {
			return c, err
		}
	}
}

func (l *testLayer) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	return c, l.keep(c)
}

func (l *testLayer) keep(c net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unplugged {
		_ = c.Close()
		return errUnplugged
	}
	l.conns[c] = true
	return nil
}

// plug connects the layer with the others, or cuts it off.
func (l *testLayer) plug(in bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unplugged = !in
	if !in {
		for c := range l.conns {
			_ = c.Close()
		}
		clear(l.conns)
	}
}

func testLogger() *slog.Logger {
	if os.Getenv("HOLDFAST_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// newMember is a member that is not open yet.
func newMember(tb testing.TB, id, dir string, adjust ...func(*Config)) *member {
	tb.Helper()
	m := &member{store: state.New(), layer: listen(tb)}
	cfg := DefaultConfig()
	cfg.Multiplier = 2 // a machine that is busy with other tests must not look dead
	cfg.ID, cfg.Name, cfg.DataDir, cfg.Addr = id, "node-"+id, dir, m.layer.Addr().String()
	for _, a := range adjust {
		a(&cfg)
	}
	m.Peer = New(cfg, m.store, m.layer, testLogger().With("member", id))
	return m
}

// startMember is a new member that has started.
func startMember(tb testing.TB, id, dir string, adjust ...func(*Config)) *member {
	tb.Helper()
	m := newMember(tb, id, dir, adjust...)
	m.mustOpen(tb)
	return m
}

// mustOpen opens a member and closes it at the end of the test.
func (m *member) mustOpen(tb testing.TB) {
	tb.Helper()
	if err := m.Open(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.stop(tb) })
}

func (m *member) stop(tb testing.TB) {
	tb.Helper()
	if err := m.Close(); err != nil {
		tb.Errorf("close %s: %v", m.cfg.ID, err)
	}
}

// startCluster starts n voters a, b, c, … that have elected a leader.
func startCluster(tb testing.TB, n int, adjust ...func(*Config)) []*member {
	tb.Helper()
	return startPrepared(tb, n, func(*member) {}, adjust...)
}

// startPrepared is startCluster, with prepare for each member before it opens.
func startPrepared(tb testing.TB, n int, prepare func(*member), adjust ...func(*Config)) []*member {
	tb.Helper()
	var members []*member
	var servers []Server
	for i := range n {
		m := newMember(tb, string(rune('a'+i)), tb.TempDir(), adjust...)
		prepare(m)
		m.mustOpen(tb)
		members = append(members, m)
		servers = append(servers, Server{ID: m.cfg.ID, Addr: m.cfg.Addr, Voter: true})
	}
	if err := members[0].Bootstrap(servers); err != nil {
		tb.Fatal(err)
	}
	leaderOf(tb, members)
	return members
}

// eventually waits until cond holds.
func eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline := time.After(patience)
	for !cond() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-deadline:
			tb.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

// leaderOf waits for a member that leads in an open term and that all members follow.
func leaderOf(tb testing.TB, members []*member) *member {
	tb.Helper()
	var leader *member
	eventually(tb, "all members follow one leader", func() bool {
		i := slices.IndexFunc(members, func(m *member) bool { _, err := m.ReadIndex(); return err == nil })
		if i < 0 {
			return false
		}
		leader = members[i]
		return !slices.ContainsFunc(members, func(m *member) bool {
			id, term, _, ok := m.Following()
			return !ok || id != leader.cfg.ID || term != leader.Term()
		})
	})
	return leader
}

// handOver makes another member the leader, and gives the old one.
func handOver(tb testing.TB, members []*member) (old *member) {
	tb.Helper()
	eventually(tb, "the leadership is handed over", func() bool {
		old = leaderOf(tb, members)
		return old.TransferLeadership(testContext(tb), "") == nil
	})
	return old
}

func without(members []*member, gone *member) []*member {
	return slices.DeleteFunc(slices.Clone(members), func(m *member) bool { return m == gone })
}

func testContext(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

func set(tb testing.TB, key, value string) []byte {
	tb.Helper()
	b, err := codec.EncodeCommand(&cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// write sets a key on whichever member leads, again until it is acknowledged, and returns the commit index.
func write(tb testing.TB, members []*member, key, value string) (index uint64) {
	tb.Helper()
	b := set(tb, key, value)
	eventually(tb, "a write is acknowledged", func() bool {
		for _, m := range members {
			if _, err := m.Propose(tb.Context(), b); err == nil {
				index = m.store.AppliedIndex()
				return true
			}
		}
		return false
	})
	return index
}

// read waits until m has applied index and gives the value of key.
func read(tb testing.TB, m *member, index uint64, key string) string {
	tb.Helper()
	if err := m.store.WaitApplied(testContext(tb), index); err != nil {
		tb.Fatalf("%s has applied %d, not %d: %v", m.cfg.ID, m.store.AppliedIndex(), index, err)
	}
	e := m.store.View().KVGet(key)
	if e == nil {
		return ""
	}
	return string(e.Value)
}

// snapshotNow makes m write a snapshot.
func snapshotNow(tb testing.TB, m *member) {
	tb.Helper()
	eventually(tb, "a snapshot is written", func() bool { return m.raft.Load().Snapshot().Error() == nil })
}

// copyDir copies what a member left on its disk.
func copyDir(tb testing.TB, from string) string {
	tb.Helper()
	to := filepath.Join(tb.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		tb.Fatal(err)
	}
	return to
}

func key(i int) string { return fmt.Sprintf("key/%03d", i) }
