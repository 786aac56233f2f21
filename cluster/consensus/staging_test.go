package consensus

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/state"
)

// play applies commands to f, one entry each, and gives their errors. The indexes go on where they ended.
func play(t *testing.T, f *fsm, commands ...cluster.Command) []error {
	t.Helper()
	errs := make([]error, len(commands))
	for i, c := range commands {
		b, err := codec.EncodeCommand(c)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := f.Apply(&raft.Log{Index: f.store.AppliedIndex() + 1, Type: raft.LogCommand, Data: b}).(state.Result)
		errs[i] = r.Err
	}
	return errs
}

// parts are a snapshot of a state with the key archived, cut into n parts of a restore.
func parts(t *testing.T, id string, n int) []cluster.Command {
	t.Helper()
	from := newFSM(io.Discard)
	play(t, from, put("archived"), put("more"))
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(codec.WriteState(z, from.store.Snapshot()), z.Close()); err != nil {
		t.Fatal(err)
	}
	var all []cluster.Command
	for i := range n {
		all = append(all, &cluster.Restore{ID: id, Part: i, Data: b.Next(b.Len() / (n - i)), Last: i == n-1})
	}
	return all
}

func put(key string) cluster.Command {
	return &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key}}
}

func holds(f *fsm, key string) bool { return f.store.View().KVGet(key) != nil }

// TestRestoreByParts is a table of what a log may bring, and whether the snapshot is the state afterwards.
func TestRestoreByParts(t *testing.T) {
	p, q := parts(t, "p", 4), parts(t, "q", 2)
	altered := *p[1].(*cluster.Restore)
	altered.Data = bytes.Repeat([]byte{7}, len(altered.Data))
	large := &cluster.Restore{ID: "p", Data: make([]byte, cluster.MaxRestorePart+1)}
	for name, c := range map[string]struct {
		log      []cluster.Command
		restored bool
		last     cluster.Code // of the last entry's error, where it is none that restores
	}{
		"all in order":               {log: p, restored: true},
		"writes in between":          {log: []cluster.Command{p[0], put("a"), p[1], put("b"), p[2], p[3]}, restored: true},
		"parts that come twice":      {log: []cluster.Command{p[0], p[0], p[1], p[1], p[2], p[3]}, restored: true},
		"all but the last":           {log: p[:3]},
		"one is missing":             {log: []cluster.Command{p[0], p[2], p[3]}, last: cluster.Conflict},
		"the first is missing":       {log: p[1:], last: cluster.Conflict},
		"another begins":             {log: []cluster.Command{p[0], p[1], q[0], p[2], p[3]}, last: cluster.Conflict},
		"another begins and ends":    {log: []cluster.Command{p[0], p[1], q[0], q[1]}, restored: true},
		"another leads":              {log: []cluster.Command{p[0], p[1], &cluster.NewTerm{}, p[2], p[3]}, last: cluster.Conflict},
		"it is given up":             {log: []cluster.Command{p[0], p[1], &cluster.Restore{ID: "p", GiveUp: true}, p[2], p[3]}, last: cluster.Conflict},
		"an older one is given up":   {log: []cluster.Command{p[0], p[1], &cluster.Restore{ID: "o", GiveUp: true}, p[2], p[3]}, restored: true},
		"a part was altered":         {log: []cluster.Command{p[0], &altered, p[2], p[3]}, last: cluster.Invalid},
		"a part is too large":        {log: []cluster.Command{large}, last: cluster.Invalid},
		"a part has no name":         {log: []cluster.Command{&cluster.Restore{Last: true}}, last: cluster.Invalid},
		"it is empty":                {log: []cluster.Command{&cluster.Restore{ID: "p", Last: true}}, last: cluster.Invalid},
		"begun anew after a failure": {log: append([]cluster.Command{p[0], p[2]}, q...), restored: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFSM(io.Discard)
			play(t, f, put("here"))
			errs := play(t, f, c.log...)
			if holds(f, "archived") != c.restored || holds(f, "here") == c.restored {
				t.Errorf("restored: %v, want %v; errors %v", holds(f, "archived"), c.restored, errs)
			}
			if err := errs[len(errs)-1]; cluster.CodeOf(err) != c.last && err != nil || (err != nil) != (c.last != 0) {
				t.Errorf("the last entry's error: %v, want code %v", err, c.last)
			}
			if index := f.store.AppliedIndex(); index != uint64(1+len(c.log)) {
				t.Errorf("applied index %d, want %d", index, 1+len(c.log))
			}
		})
	}
}

// TestNoSnapshotWhileARestoreIsUnderWay holds that the log keeps the parts: a member that started from a snapshot in between would lack them.
func TestNoSnapshotWhileARestoreIsUnderWay(t *testing.T) {
	f := newFSM(io.Discard)
	p := parts(t, "p", 2)
	play(t, f, put("here"), p[0])
	if _, err := f.Snapshot(); !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		t.Errorf("error %v", err)
	}
	play(t, f, p[1])
	if _, err := f.Snapshot(); err != nil {
		t.Error(err)
	}
}

// TestARestoreThatNobodyEndsIsForgotten holds that the parts of a restore do not stay for ever where its sender is gone: they take memory, and no
// snapshot shortens the log while they are there.
func TestARestoreThatNobodyEndsIsForgotten(t *testing.T) {
	begun := time.Unix(1700000000, 0)
	for _, c := range []struct {
		after    time.Duration
		restored bool
	}{
		{stagedUntil, true},
		{stagedUntil + time.Second, false},
		{-time.Hour, true}, // the clock was set back
	} {
		f, p := newFSM(io.Discard), parts(t, "p", 2)
		apply := func(cmd cluster.Command, at time.Time) {
			b, err := codec.EncodeCommand(cmd)
			if err != nil {
				t.Fatal(err)
			}
			f.Apply(&raft.Log{Index: f.store.AppliedIndex() + 1, Type: raft.LogCommand, Data: codec.Stamped(b, at)})
		}
		apply(p[0], begun)
		apply(put("meanwhile"), begun.Add(c.after))
		if _, err := f.Snapshot(); (err == nil) == c.restored {
			t.Errorf("after %s: a snapshot: %v", c.after, err)
		}
		apply(p[1], begun.Add(c.after))
		if holds(f, "archived") != c.restored {
			t.Errorf("after %s it is restored: %v", c.after, holds(f, "archived"))
		}
	}
}

// TestWritesGoOnAboveTheSnapshot holds that a snapshot of a cluster that was far ahead puts the indexes forward, here and after a restart.
func TestWritesGoOnAboveTheSnapshot(t *testing.T) {
	far := newFSM(io.Discard)
	far.store.Skip(1_000_000)
	play(t, far, put("archived"))
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(codec.WriteState(z, far.store.Snapshot()), z.Close()); err != nil {
		t.Fatal(err)
	}
	f := newFSM(io.Discard)
	for _, err := range play(t, f, put("here"), &cluster.Restore{ID: "p", Data: b.Bytes(), Last: true}, put("after")) {
		if err != nil {
			t.Fatal(err)
		}
	}
	index := func(f *fsm, key string) uint64 { return f.store.View().KVGet(key).ModifyIndex }
	if r, w := index(f, "archived"), index(f, "after"); r != 1_000_002 || w != 1_000_003 {
		t.Errorf("the restored key has the index %d and the one after it %d", r, w)
	}
	sink := &memorySink{}
	sn, err := f.Snapshot()
	if err != nil || sn.Persist(sink) != nil {
		t.Fatal(err)
	}
	again := newFSM(io.Discard)
	if err := again.Restore(io.NopCloser(&sink.Buffer)); err != nil {
		t.Fatal(err)
	}
	play(t, again, put("later"))
	if w, applied := index(again, "later"), again.store.AppliedIndex(); w != 1_000_004 || applied != 4 {
		t.Errorf("after a restart the next write has the index %d in the entry %d", w, applied)
	}
}

func TestCheckStateRefuses(t *testing.T) {
	var whole bytes.Buffer
	f := newFSM(io.Discard)
	play(t, f, put("a"))
	if err := codec.WriteState(&whole, f.store.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if err := codec.CheckState(bytes.NewReader(whole.Bytes())); err != nil {
		t.Errorf("a whole one: %v", err)
	}
	for _, n := range []int{0, 5, whole.Len() / 2, whole.Len() - 1} {
		if err := codec.CheckState(bytes.NewReader(whole.Bytes()[:n])); cluster.CodeOf(err) != cluster.Invalid {
			t.Errorf("cut off after %d bytes: %v", n, err)
		}
	}
	kinds := map[string]int{}
	if _, err := codec.ReadState(&whole, func(kind string, size int, _ any) error { kinds[kind] += size; return nil }); err != nil || kinds["KVEntry"] == 0 {
		t.Errorf("kinds %v, error %v", kinds, err)
	}
}
