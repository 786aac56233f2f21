package consensus

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"holdfast/cluster"
	"holdfast/cluster/consensus/storage"
)

// refused opens a peer that must not open, and checks that the error is one sentence with all of want.
func refused(t *testing.T, m *member, want ...string) {
	t.Helper()
	err := m.Open()
	if err == nil {
		m.stop(t)
		t.Fatal("it was opened")
	}
	if cluster.CodeOf(err) != cluster.Invalid {
		t.Errorf("code %v, want %v", cluster.CodeOf(err), cluster.Invalid)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has more than one line", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("close after the refusal: %v", err)
	}
	if c, err := net.Dial("tcp", m.cfg.Addr); err == nil {
		_ = c.Close()
		t.Error("the listener was left open")
	}
}

func TestDataDirInUse(t *testing.T) {
	dir := t.TempDir()
	m := startMember(t, "a", dir)
	refused(t, newMember(t, "a", dir), dir, "in use by another process")
	bootstrapAlone(t, m)
	write(t, []*member{m}, "k", "v")
}

func TestDataDirOfAnotherNode(t *testing.T) {
	dir := t.TempDir()
	startMember(t, "a", dir).stop(t)
	refused(t, newMember(t, "b", dir), dir, "belongs to the node ID a", "this agent is b")
	startMember(t, "a", dir)
}

func TestDataDirOfANewerVersion(t *testing.T) {
	dir := t.TempDir()
	m := startMember(t, "a", dir)
	if err := m.stores.Stable.Set([]byte("HoldfastOwner"), []byte("3 a")); err != nil {
		t.Fatal(err)
	}
	m.stop(t)
	refused(t, newMember(t, "a", dir), dir, "newer version", "upgrade")
}

func TestDataDirOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "raft"), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := raftboltdb.NewBoltStore(filepath.Join(dir, "raft", "raft.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.StoreLog(&raft.Log{Index: 1, Term: 1, Data: []byte("theirs")}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, newMember(t, "a", dir), dir, "another program")
}

func TestDataDirThatIsNotOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, newMember(t, "a", file), file, "not a directory")
	refused(t, newMember(t, "a", filepath.Join(file, "below")), file, "not a directory")
	occupied := t.TempDir()
	if err := os.WriteFile(filepath.Join(occupied, "raft"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, newMember(t, "a", occupied), occupied, "raft")
	refused(t, newMember(t, "a", "/proc/holdfast"), "/proc/holdfast", "cannot be used")
}

// damagedCase is one way to damage what a member keeps, and what the refusal says.
type damagedCase struct {
	name   string
	damage func(t *testing.T, dir string) error
	want   []string
}

func TestDataDirWithDamage(t *testing.T) {
	refusesDamage(t, storage.WAL, []damagedCase{
		{"the log is gone", func(_ *testing.T, dir string) error { return os.RemoveAll(filepath.Join(dir, "wal")) }, []string{"wal", "move the directory away"}},
		{"the log is something else", func(t *testing.T, dir string) error {
			return os.WriteFile(segments(t, dir)[0], []byte(strings.Repeat("no log", 10_000)), 0o600)
		}, []string{"wal", "move the directory away"}},
		{"a segment is missing", func(t *testing.T, dir string) error {
			return os.Remove(segments(t, dir)[0])
		}, []string{"wal", "move the directory away"}},
		{"a segment is cut off", func(t *testing.T, dir string) error {
			return errors.Join(os.Truncate(segments(t, dir)[0], 500), os.RemoveAll(filepath.Join(dir, "snapshots")))
		}, []string{"move the directory away"}},
		{"the snapshot is altered", alterSnapshot, []string{"snapshots", "move the directory away"}},
	})
}

func TestDataDirWithDamageBolt(t *testing.T) {
	refusesDamage(t, storage.Bolt, []damagedCase{
		{"the log is something else", func(_ *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, "raft.db"), []byte(strings.Repeat("no log", 10_000)), 0o600)
		}, []string{"raft.db", "move the directory away"}},
		{"the log is cut off", func(_ *testing.T, dir string) error {
			return os.Truncate(filepath.Join(dir, "raft.db"), 16<<10)
		}, []string{"move the directory away"}},
		{"the log is a directory", func(_ *testing.T, dir string) error {
			path := filepath.Join(dir, "raft.db")
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, []string{"raft.db"}},
		{"the snapshot is altered", alterSnapshot, []string{"snapshots", "move the directory away"}},
		{"the log has a hole", func(_ *testing.T, dir string) error {
			db, err := raftboltdb.NewBoltStore(filepath.Join(dir, "raft.db"))
			if err != nil {
				return err
			}
			if err := db.DeleteRange(10, 20); err != nil {
				return err
			}
			if err := os.RemoveAll(filepath.Join(dir, "snapshots")); err != nil {
				return err
			}
			return db.Close()
		}, []string{"log not found", "move the directory away"}},
	})
}

// refusesDamage makes a data_dir with a snapshot and a log of a few segments, and damages copies of it.
func refusesDamage(t *testing.T, backend string, cases []damagedCase) {
	t.Helper()
	whole := t.TempDir()
	m := startMember(t, "a", whole, func(c *Config) { c.Backend, c.SegmentSize = backend, storage.MinSegment })
	bootstrapAlone(t, m)
	for i := range 300 {
		write(t, []*member{m}, key(i), "v")
	}
	snapshotNow(t, m)
	m.stop(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := copyDir(t, whole)
			if err := c.damage(t, filepath.Join(dir, "raft")); err != nil {
				t.Fatal(err)
			}
			refused(t, newMember(t, "a", dir), append(c.want, dir)...)
		})
	}
	// A second snapshot takes the place of a damaged one.
	startMember(t, "a", copyDir(t, whole))
}

func alterSnapshot(t *testing.T, dir string) error {
	t.Helper()
	states, _ := filepath.Glob(filepath.Join(dir, "snapshots", "*", "state.bin"))
	if len(states) != 1 {
		t.Fatalf("snapshots: %v", states)
	}
	return os.WriteFile(states[0], []byte("altered"), 0o600)
}

// segments are the files of a write-ahead log, oldest first.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	if len(files) < 2 {
		t.Fatalf("segments: %v, want a few", files)
	}
	return files
}

func TestDataDirKeepsItsLog(t *testing.T) {
	for _, c := range []struct{ first, then string }{{storage.Bolt, storage.WAL}, {storage.WAL, storage.Bolt}, {"", storage.Bolt}, {storage.Bolt, ""}} {
		t.Run(c.first+" then "+c.then, func(t *testing.T) {
			dir := t.TempDir()
			m := startMember(t, "a", dir, func(c2 *Config) { c2.Backend = c.first })
			bootstrapAlone(t, m)
			index := write(t, []*member{m}, "k", "v")
			m.stop(t)
			again := startMember(t, "a", dir, func(c2 *Config) { c2.Backend = c.then })
			leaderOf(t, []*member{again})
			if got := read(t, again, index, "k"); got != "v" {
				t.Errorf("it reads %q", got)
			}
			_, err := os.Stat(filepath.Join(dir, "raft", "wal"))
			if wal := err == nil; wal != (c.first != storage.Bolt) {
				t.Errorf("the log is a write-ahead log: %v", wal)
			}
		})
	}
}
