package consensus

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster/consensus/logger"
	"holdfast/cluster/consensus/stream"
)

// elector is a transport of raft's that speaks as the member id.
type elector struct {
	*raft.NetworkTransport
	header raft.RPCHeader
}

func newElector(t *testing.T, id string) *elector {
	t.Helper()
	layer := listen(t)
	cfg := DefaultConfig()
	cfg.Addr = layer.Addr().String()
	trans := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: stream.New(layer, stream.Config{Addr: cfg.Addr, DialTimeout: patience, UserTimeout: patience, Anew: func() {}}), Logger: logger.New(testLogger()), MaxPool: 3, Timeout: patience, MsgpackUseNewTimeFormat: true,
	})
	t.Cleanup(func() { _ = trans.Close() })
	return &elector{trans, raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(cfg.Addr)}}
}

// voter is a member that is one of three voters and has met none of the others.
func voter(t *testing.T, b *elector, adjust func(*Config)) *member {
	t.Helper()
	m := startMember(t, "a", t.TempDir(), adjust)
	err := m.Bootstrap([]Server{
		{ID: "a", Addr: m.cfg.Addr, Voter: true},
		{ID: "b", Addr: string(b.header.Addr), Voter: true},
		{ID: "c", Addr: "127.0.0.1:1", Voter: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const farTerm, farIndex = 1000, 1000 // ahead of all that a test reaches

// canvass asks m in every way to take part in an election, at once, and gives what it answers.
func (b *elector) canvass(t *testing.T, m *member) (granted bool, answered time.Time) {
	t.Helper()
	id, addr := raft.ServerID(m.cfg.ID), raft.ServerAddress(m.cfg.Addr)
	var vote raft.RequestVoteResponse
	var pre raft.RequestPreVoteResponse
	first := make(chan time.Time, 3)
	errs := make(chan error, 3)
	ask := func(f func() error) {
		err := f()
		first <- time.Now()
		errs <- err
	}
	go ask(func() error {
		return b.RequestPreVote(id, addr, &raft.RequestPreVoteRequest{RPCHeader: b.header, Term: farTerm, LastLogIndex: farIndex, LastLogTerm: farTerm}, &pre)
	})
	go ask(func() error {
		return b.RequestVote(id, addr, &raft.RequestVoteRequest{
			RPCHeader: b.header, Term: farTerm, LastLogIndex: farIndex, LastLogTerm: farTerm, LeadershipTransfer: true,
		}, &vote)
	})
	go ask(func() error {
		return b.TimeoutNow(id, addr, &raft.TimeoutNowRequest{RPCHeader: b.header}, &raft.TimeoutNowResponse{})
	})
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	return vote.Granted, <-first
}

// TestARestartedVoterWaits holds what leaders rely on who trust this voter's word: that for as long as it may have given one before it was
// started again, it makes no other leader.
func TestARestartedVoterWaits(t *testing.T) {
	t.Parallel()
	timeout := 3 * DefaultConfig().HeartbeatTimeout
	for name, again := range map[string]func(*Config){
		"as it was":                   func(c *Config) { c.Multiplier = 3 },
		"with a smaller multiplier":   func(c *Config) { c.Multiplier, c.Promised = 1, timeout },
		"with a multiplier unchanged": func(c *Config) { c.Multiplier, c.Promised = 3, timeout },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newElector(t, "b")
			m := voter(t, b, func(c *Config) { c.Multiplier = 3 })
			term := m.Term()
			m.stop(t)

			began := time.Now()
			again := startMember(t, "a", m.cfg.DataDir, again)
			if now := again.Term(); now != term {
				t.Errorf("the term was %d and is %d", term, now)
			}
			granted, answered := b.canvass(t, again)
			if waited := answered.Sub(began); waited < timeout {
				t.Errorf("it took part in an election %s after its start, within the heartbeat timeout of %s that it had", waited, timeout)
			}
			if !granted && again.Term() < farTerm {
				t.Error("it never voted")
			}
		})
	}
}

// TestARestartedVoterWaitsWithItself is about its own candidacy, of which it need ask nobody: it votes for itself as little as for others, and goes by its
// own timeout afterwards.
func TestARestartedVoterWaitsWithItself(t *testing.T) {
	t.Parallel()
	const promised = 2 * time.Second
	m := startMember(t, "a", t.TempDir())
	if err := m.Bootstrap([]Server{{ID: "a", Addr: m.cfg.Addr, Voter: true}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it leads", m.IsLeader)
	m.stop(t)

	began := time.Now()
	again := startMember(t, "a", m.cfg.DataDir, func(c *Config) { c.Promised = promised })
	eventually(t, "it leads again", again.IsLeader)
	if led := time.Since(began); led < promised {
		t.Errorf("it elected itself %s after its start, and had promised %s", led, promised)
	}
}

func TestAFreshVoterNeedNotWait(t *testing.T) {
	t.Parallel()
	b := newElector(t, "b")
	m := voter(t, b, func(c *Config) { c.Multiplier = 10 }) // 3 s
	b.canvass(t, m)
	if !m.trans.hold.until.IsZero() {
		t.Error("a member that has just been bootstrapped holds votes back")
	}
}

func TestOnlyElectionsAreHeld(t *testing.T) {
	t.Parallel()
	held := hold{time.Now().Add(time.Hour)}
	for _, pass := range []any{&raft.AppendEntriesRequest{}, &raft.InstallSnapshotRequest{}} {
		if wait := held.wait(pass); wait > 0 {
			t.Errorf("%T waits %s", pass, wait)
		}
	}
	for _, hold := range []any{&raft.RequestVoteRequest{LeadershipTransfer: true}, &raft.RequestPreVoteRequest{}, &raft.TimeoutNowRequest{}} {
		if wait := held.wait(hold); wait <= 0 {
			t.Errorf("%T does not wait", hold)
		}
		over := held
		over.until = time.Now().Add(-time.Second)
		if wait := over.wait(hold); wait > 0 {
			t.Errorf("%T waits %s when the hold is over", hold, wait)
		}
	}
}
