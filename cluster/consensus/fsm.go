package consensus

import (
	"errors"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/consensus/backlog"
	"holdfast/cluster/consensus/storage"
	"holdfast/cluster/state"
)

// fsm is what raft sees of the store. It decodes and hands over; it decides nothing.
type fsm struct {
	store   *state.Store
	log     *slog.Logger
	peers   *peerSet
	applied func() // told after each batch
	backlog *backlog.Backlog

	staged staging // a restore that is under way

	unfit   chan error      // of 1: gets why this member cannot go on
	stopped <-chan struct{} // closed when the peer is being closed
	ended   atomic.Bool     // the state stays as it is
}

// ApplyBatch applies committed entries in order. A batch of commands reaches the store as one.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	results := make([]any, len(logs))
	var run batch
	var bytes uint64
	for i, l := range logs {
		bytes += storage.SizeOf(l)
		entry, err := f.decode(l)
		part, restoring := entry.Command.(*cluster.Restore)
		switch {
		case f.ended.Load() || errors.Is(err, codec.ErrNewer):
			run.apply(f.store, results)
			f.end(l, err)
			return unapplied(results, i)
		case err != nil:
			results[i] = state.Result{Err: err}
		case entry.Command != nil && !restoring:
			f.staged.forgetAt(entry)
			run.add(i, entry)
			continue
		}
		run.apply(f.store, results)
		if restoring {
			results[i] = state.Result{Err: f.staged.take(f.store, entry, part)}
		}
		f.store.Skip(l.Index)
	}
	run.apply(f.store, results)
	f.backlog.Applied(uint64(len(logs)), bytes)
	f.applied()
	return results
}

// batch is a run of entries that carry commands, and their places among the results.
type batch struct {
	entries []state.Entry
	places  []int
}

func (b *batch) add(place int, e state.Entry) {
	b.entries, b.places = append(b.entries, e), append(b.places, place)
}

func (b *batch) apply(store *state.Store, results []any) {
	if len(b.entries) == 0 {
		return
	}
	for i, r := range store.Apply(b.entries) {
		results[b.places[i]] = r
	}
	b.entries, b.places = b.entries[:0], b.places[:0]
}

// decode is the entry of l. Its command is nil where l carries none for this member.
func (f *fsm) decode(l *raft.Log) (state.Entry, error) {
	if l.Type == raft.LogConfiguration {
		f.peers.committed.Store(peersOf(l))
		return state.Entry{}, nil
	}
	at, command, err := codec.DecodeCommand(l.Data)
	switch {
	case errors.Is(err, codec.ErrIgnorable):
		f.log.Warn("log entry skipped: it is of a type that this version does not know", "index", l.Index, "type", l.Data[0])
		return state.Entry{}, nil
	case errors.Is(err, codec.ErrNewer):
		return state.Entry{}, err
	case err != nil: // by every member alike
		f.log.Error("log entry refused: it is damaged", "index", l.Index, "err", err)
		return state.Entry{}, cluster.Errorf(cluster.Internal, "log entry %d was refused: %v", l.Index, err)
	}
	return state.Entry{Index: l.Index, Time: at, Command: command}, nil
}

// Apply applies a single entry. Raft prefers ApplyBatch.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot takes a snapshot of the state as it is now; it is written while writes go on. The parts of a restore that is under way are
// in the log alone, which has to be kept until the restore is over: a snapshot waits for that.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if f.staged.underWay() || f.ended.Load() {
		return nil, raft.ErrNothingNewToSnapshot
	}
	return fsmSnapshot{f.store.Snapshot(), f.backlog, f.backlog.Began()}, nil
}

// Restore replaces the state by a snapshot. One that is not whole changes nothing.
func (f *fsm) Restore(source io.ReadCloser) error {
	restore, counted := f.store.Restore(), &backlog.Counter{R: source}
	index, err := codec.ReadSnapshot(counted, restore.Add)
	if err != nil {
		restore.Abort()
		return err
	}
	restore.Commit(index)
	f.staged.forget()
	f.backlog.Restored(counted.N)
	f.peers.restored()
	return nil
}

type fsmSnapshot struct {
	*state.Snapshot
	backlog *backlog.Backlog
	begun   backlog.Mark
}

// Persist writes the snapshot.
func (s fsmSnapshot) Persist(sink raft.SnapshotSink) error {
	counted := &backlog.Counter{W: sink}
	if err := codec.WriteSnapshot(counted, s.Index, s.Records); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	s.backlog.Written(s.begun, counted.N)
	return nil
}

// Release has nothing to do: the store's snapshots are garbage collected.
func (fsmSnapshot) Release() {}
