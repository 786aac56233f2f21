package consensus

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"holdfast/cluster/codec"
	"holdfast/cluster/consensus/storage"
)

// big is a value that makes an entry of 10 kB.
var big = strings.Repeat("x", 10_000)

// diskUse is what a member's log and snapshots take, in bytes.
func diskUse(tb testing.TB, m *member) (size int64) {
	tb.Helper()
	err := filepath.WalkDir(filepath.Join(m.cfg.DataDir, "raft"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil { // it may be gone by now
				size += info.Size()
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return size
}

// TestLogOfFewBigEntriesIsGivenBack holds that the disk does not fill with entries that are large and few, and that a restart reads few of them.
func TestLogOfFewBigEntriesIsGivenBack(t *testing.T) {
	t.Parallel()
	small := func(c *Config) { c.SnapshotBytes, c.TrailingBytes, c.SegmentSize = 200_000, 50_000, storage.MinSegment }
	for _, backend := range []string{storage.WAL, storage.Bolt} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			m := startMember(t, "a", t.TempDir(), small, func(c *Config) { c.Backend = backend })
			bootstrapAlone(t, m)
			var index uint64
			for i := range 400 { // 4 MB of log for 50 kB of state
				index = write(t, []*member{m}, key(i%5), big+key(i))
			}
			if backend == storage.WAL { // a file of bbolt never shrinks
				eventually(t, "the disk is given back", func() bool { return diskUse(t, m) < 1_500_000 })
			}
			eventually(t, "little of the log is left", func() bool {
				first, err := m.stores.Log.FirstIndex()
				return err == nil && first > index-30
			})
			m.stop(t)
			again := startMember(t, "a", m.cfg.DataDir, small)
			if applied := again.store.AppliedIndex(); applied < index-30 {
				t.Errorf("the newest snapshot is of entry %d, the last entry is %d", applied, index)
			}
			leaderOf(t, []*member{again})
			for i := 395; i < 400; i++ {
				if got := read(t, again, index, key(i%5)); got != big+key(i) {
					t.Errorf("after the restart %s ends in %q", key(i%5), got[max(0, len(got)-10):])
				}
			}
		})
	}
}

// TestLaggingFollower holds that a follower which was away gets the log where that is shorter than a snapshot, whatever snapshots the leader
// has made meanwhile, and a snapshot where it is not.
func TestLaggingFollower(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		entries  int
		snapshot bool
	}{{"by less than a snapshot", 40, false}, {"by more", 120, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for !catchesUp(t, c.entries, c.snapshot) {
				t.Log("another member was elected meanwhile: once more")
			}
		})
	}
}

// catchesUp cuts a follower off while entries of 10 kB are written and the leader makes two snapshots, and says whether the leader stayed the same.
func catchesUp(t *testing.T, entries int, snapshot bool) (steady bool) {
	t.Helper()
	members := startCluster(t, 3, func(c *Config) { // one that lacks more than 800 kB gets a snapshot
		c.Multiplier, c.SnapshotBytes, c.TrailingLogs, c.SegmentSize = 5, 800_000, 1, storage.MinSegment
	})
	leader := leaderOf(t, members)
	away := without(members, leader)[0]
	index := write(t, members, "before", "v")
	read(t, away, index, "before")
	term, replaced := leader.Term(), away.store.Replaced()
	away.layer.plug(false)
	rest := without(members, away)
	for i := range entries {
		write(t, rest, key(i%5), big)
		if i%20 == 19 {
			snapshotNow(t, leader)
		}
	}
	index = write(t, rest, "after", "v")
	away.layer.plug(true)
	got := read(t, away, index, "after")
	if leader.Term() != term {
		return false
	}
	if got != "v" {
		t.Errorf("it reads %q", got)
	}
	select {
	case <-replaced:
		if !snapshot {
			t.Error("it was sent a snapshot although the log is shorter")
		}
	default:
		if snapshot {
			t.Error("it was sent the log, which is longer than the snapshot")
		}
	}
	return true
}

// TestKilledWhileASnapshotIsWritten opens what a member leaves that is killed then.
func TestKilledWhileASnapshotIsWritten(t *testing.T) {
	t.Parallel()
	m := startMember(t, "a", t.TempDir())
	bootstrapAlone(t, m)
	write(t, []*member{m}, "before", "v")
	snapshotNow(t, m)
	index := write(t, []*member{m}, "k", "v")
	s := m.store.Snapshot()
	sink, err := m.stores.Snapshots.Create(raft.SnapshotVersionMax, s.Index, m.Term(), m.raft.Load().GetConfiguration().Configuration(), 1, m.trans)
	if err != nil {
		t.Fatal(err)
	}
	halfway := errors.New("halfway")
	n := 0
	err = codec.WriteSnapshot(sink, s.Index, func(yield func(any) error) error {
		return s.Records(func(r any) error {
			if n++; n > 1 {
				return halfway
			}
			return yield(r)
		})
	})
	if !errors.Is(err, halfway) {
		t.Fatal(err)
	}
	killed := startMember(t, "a", copyDir(t, m.cfg.DataDir), func(c *Config) { c.Addr = m.cfg.Addr })
	if left, _ := filepath.Glob(filepath.Join(killed.cfg.DataDir, "raft", "snapshots", "*")); len(left) != 1 {
		t.Errorf("%v are left, want the snapshot that was whole", left)
	}
	leaderOf(t, []*member{killed})
	if got := read(t, killed, index, "k"); got != "v" {
		t.Errorf("it reads %q", got)
	}
}
