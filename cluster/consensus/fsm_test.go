package consensus

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/consensus/backlog"
	"holdfast/cluster/state"
)

func newFSM(log io.Writer) *fsm {
	stopped := make(chan struct{})
	close(stopped)
	return &fsm{
		store: state.New(), log: slog.New(slog.NewTextHandler(log, nil)), peers: newPeerSet(), applied: func() {},
		backlog: backlog.New(backlog.Config{}), unfit: make(chan error, 1), stopped: stopped,
	}
}

// logOf makes committed log entries, from index 1 on.
func logOf(t *testing.T, data ...[]byte) []*raft.Log {
	t.Helper()
	var logs []*raft.Log
	for i, d := range data {
		l := &raft.Log{Index: uint64(i + 1), Type: raft.LogCommand, Data: d}
		if d == nil {
			l.Type, l.Data = raft.LogConfiguration, raft.EncodeConfiguration(raft.Configuration{})
		}
		logs = append(logs, l)
	}
	return logs
}

func TestApplyBatchTakesEachKindOfEntry(t *testing.T) {
	var logged strings.Builder
	f := newFSM(&logged)
	told := 0
	f.applied = func() { told++ }
	unknown := func(number byte) []byte { return append([]byte{number}, make([]byte, 9)...) }
	results := f.ApplyBatch(logOf(t,
		set(t, "a", "1"),
		nil, // a change of the peer set
		set(t, "b", "2"),
		unknown(0xfe), // newer, may be skipped
		[]byte("torn"),
		append(set(t, "x", "y"), 1), // damaged
		set(t, "c", "3"),
	))
	for i, wantErr := range []bool{false, false, false, false, true, true, false} {
		r, _ := results[i].(state.Result)
		if (r.Err != nil) != wantErr {
			t.Errorf("entry %d: result %v", i+1, results[i])
		}
	}
	if n := f.store.AppliedIndex(); n != 7 {
		t.Errorf("applied index %d, want 7", n)
	}
	if keys := f.store.View().KVKeys("", ""); strings.Join(keys, "") != "abc" {
		t.Errorf("keys %q, want a, b, c", keys)
	}
	if n := indexOf(f.peers.committed.Load()); n != 2 {
		t.Errorf("the peer set changed at %d, want 2", n)
	}
	if told != 1 {
		t.Errorf("told %d times of one batch", told)
	}
	for _, want := range []string{"level=WARN", "index=4", "type=254", "level=ERROR", "index=5", "index=6"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, logged.String())
		}
	}
}

// TestAnEntryOfANewerVersionEndsTheState holds that nothing is applied from the entry on that this member cannot apply, and that no snapshot is made
// of a state which lacks it.
func TestAnEntryOfANewerVersionEndsTheState(t *testing.T) {
	f := newFSM(io.Discard)
	logs := logOf(t, set(t, "a", "1"), append([]byte{0x7e}, make([]byte, 9)...), set(t, "b", "2"), set(t, "c", "3"))
	results := append(f.ApplyBatch(logs[:3]), f.ApplyBatch(logs[3:])...)
	for i, wantErr := range []bool{false, true, true, true} {
		if r, _ := results[i].(state.Result); (r.Err != nil) != wantErr {
			t.Errorf("entry %d: result %v", i+1, results[i])
		}
	}
	if keys := f.store.View().KVKeys("", ""); strings.Join(keys, "") != "a" || f.store.AppliedIndex() != 1 {
		t.Errorf("keys %q at index %d, want a alone at 1", keys, f.store.AppliedIndex())
	}
	if _, err := f.Snapshot(); !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		t.Errorf("a snapshot: %v", err)
	}
	if err := <-f.unfit; !strings.HasPrefix(err.Error(), "entry 2 of the cluster's log was written by a newer version") {
		t.Errorf("why: %v", err)
	}
}

func TestApplyIsABatchOfOne(t *testing.T) {
	f := newFSM(io.Discard)
	f.Apply(logOf(t, set(t, "a", "1"))[0])
	if f.store.View().KVGet("a") == nil {
		t.Error("nothing was applied")
	}
}

func TestApplyUsesTheStampedTime(t *testing.T) {
	f := newFSM(io.Discard)
	at := time.Unix(1700000000, 0).UTC()
	entry, err := codec.EncodeCommand(&cluster.Record{Transitions: []cluster.Transition{{Kind: cluster.TransitionHook, Group: "g", Node: "n", Why: "w"}}})
	if err != nil {
		t.Fatal(err)
	}
	f.ApplyBatch(logOf(t, codec.Stamped(entry, at)))
	got := f.store.View().Timeline("g", 1)
	if len(got) != 1 || !got[0].Time.Equal(at) {
		t.Errorf("timeline %+v, want one entry at %v", got, at)
	}
}

// memorySink keeps a snapshot in memory.
type memorySink struct {
	bytes.Buffer
	closed, cancelled bool
}

func (*memorySink) ID() string      { return "memory" }
func (s *memorySink) Close() error  { s.closed = true; return nil }
func (s *memorySink) Cancel() error { s.cancelled = true; return nil }

// brokenSink is a sink on a full disk.
type brokenSink struct{ memorySink }

var errFull = errors.New("no space left")

func (*brokenSink) Write([]byte) (int, error) { return 0, errFull }

func TestSnapshotIsOfItsMoment(t *testing.T) {
	f := newFSM(io.Discard)
	f.ApplyBatch(logOf(t, set(t, "a", "1")))
	snapshot, err := f.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	f.ApplyBatch([]*raft.Log{{Index: 2, Data: set(t, "a", "2")}, {Index: 3, Data: set(t, "b", "2")}})
	sink := &memorySink{}
	if err := snapshot.Persist(sink); err != nil || !sink.closed || sink.cancelled {
		t.Fatalf("error %v, closed %v, cancelled %v", err, sink.closed, sink.cancelled)
	}
	snapshot.Release()

	other := newFSM(io.Discard)
	other.ApplyBatch(logOf(t, set(t, "z", "9")))
	if err := other.Restore(io.NopCloser(&sink.Buffer)); err != nil {
		t.Fatal(err)
	}
	v := other.store.View()
	if e := v.KVGet("a"); e == nil || string(e.Value) != "1" {
		t.Errorf("a is %v, want 1", e)
	}
	if v.KVGet("b") != nil || v.KVGet("z") != nil {
		t.Error("the restored state has what came after the snapshot, or what was there before")
	}
	if n := other.store.AppliedIndex(); n != 1 {
		t.Errorf("applied index %d, want 1", n)
	}
}

func TestRestoreThatFailsChangesNothing(t *testing.T) {
	f := newFSM(io.Discard)
	f.ApplyBatch(logOf(t, set(t, "a", "1"), set(t, "b", "2")))
	snapshot, _ := f.Snapshot()
	sink := &memorySink{}
	if err := snapshot.Persist(sink); err != nil {
		t.Fatal(err)
	}
	whole := sink.Bytes()
	altered := bytes.Clone(whole)
	altered[len(altered)/2] ^= 1

	other := newFSM(io.Discard)
	other.ApplyBatch(logOf(t, set(t, "z", "9")))
	replaced := other.store.Replaced()
	for name, b := range map[string][]byte{"cut off": whole[:len(whole)-5], "altered": altered, "empty": nil} {
		if err := other.Restore(io.NopCloser(bytes.NewReader(b))); err == nil {
			t.Errorf("a snapshot that is %s was restored", name)
		}
	}
	if other.store.View().KVGet("z") == nil || other.store.View().KVGet("a") != nil || other.store.AppliedIndex() != 1 {
		t.Error("a refused snapshot changed the state")
	}
	select {
	case <-replaced:
		t.Error("readers were told that the state was replaced")
	default:
	}
}

func TestPersistOnAFullDiskIsCancelled(t *testing.T) {
	f := newFSM(io.Discard)
	f.ApplyBatch(logOf(t, set(t, "a", "1")))
	snapshot, _ := f.Snapshot()
	sink := &brokenSink{}
	if err := snapshot.Persist(sink); !errors.Is(err, errFull) || !sink.cancelled || sink.closed {
		t.Errorf("error %v, cancelled %v, closed %v", err, sink.cancelled, sink.closed)
	}
}
