package consensus

import (
	"strings"
	"testing"
	"time"

	"holdfast/cluster/consensus/backlog"
)

func TestConfigIsValidated(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string // in the error, "" for none
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Backend = "boltdb"; c.Multiplier = 10 }, ""},
		{func(c *Config) { c.Backend = "wal" }, ""},
		{func(c *Config) { c.SegmentSize = 100 }, "segment of the raft log"},
		{func(c *Config) { c.ID = "" }, "node ID"},
		{func(c *Config) { c.Name = "" }, "node name"},
		{func(c *Config) { c.Addr = "" }, "RPC address"},
		{func(c *Config) { c.DataDir = "" }, "data_dir"},
		{func(c *Config) { c.Backend = "tape" }, "raft_logstore.backend"},
		{func(c *Config) { c.Multiplier = 11 }, "raft_multiplier"},
		{func(c *Config) { c.Multiplier = -1 }, "raft_multiplier"},
		{func(c *Config) { c.HeartbeatTimeout = time.Second }, "election timeout 300ms"},
		{func(c *Config) { c.LeaderLeaseTimeout = time.Second }, "lease timeout 1s"},
		{func(c *Config) { c.DialTimeout = 0 }, "dial timeout"},
		{func(c *Config) { c.CommitTimeout = 0 }, "CommitTimeout"},
		{func(c *Config) { c.MaxAppendEntries = 0 }, "MaxAppendEntries"},
	} {
		cfg := DefaultConfig()
		cfg.ID, cfg.Name, cfg.Addr, cfg.DataDir = "id", "name", "127.0.0.1:8300", "/dir"
		c.change(&cfg)
		err := cfg.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestMultiplierStretchesTheTimeouts(t *testing.T) {
	cfg := DefaultConfig()
	once := cfg.raft()
	cfg.Multiplier = 3
	thrice := cfg.raft()
	if thrice.HeartbeatTimeout != 3*once.HeartbeatTimeout || thrice.ElectionTimeout != 3*once.ElectionTimeout ||
		thrice.LeaderLeaseTimeout != 3*once.LeaderLeaseTimeout || thrice.SnapshotInterval != once.SnapshotInterval {
		t.Errorf("once %+v\nthrice %+v", once, thrice)
	}
	if once.PreVoteDisabled || once.ShutdownOnRemove {
		t.Errorf("pre-vote is disabled (%v), or a removed member shuts down (%v)", once.PreVoteDisabled, once.ShutdownOnRemove)
	}
}

func TestTune(t *testing.T) {
	tuned := DefaultConfig()
	tuned.Tune(Snapshots{})
	if def := DefaultConfig(); tuned.raft().SnapshotInterval != def.SnapshotInterval || tuned.backlog() != def.backlog() || tuned.storage().Keep.Bytes != def.TrailingBytes {
		t.Errorf("nothing was tuned, and it became %+v", tuned)
	}
	tuned.Tune(Snapshots{Threshold: 16384, Interval: time.Minute, Trailing: 20480})
	if got, want := tuned.backlog(), (backlog.Config{Entries: 16384, Interval: time.Minute, Bytes: 64 << 20}); got != want {
		t.Errorf("a snapshot is due by %+v, want %+v", got, want)
	}
	if k := tuned.storage().Keep; k.Entries != 20480 || k.Bytes != 20480*400 {
		t.Errorf("%d entries and %d bytes stay, want 20480 and %d", k.Entries, k.Bytes, 20480*400)
	}
	few := DefaultConfig()
	few.Tune(Snapshots{Threshold: 10, Trailing: 10})
	if def := DefaultConfig(); few.SnapshotThreshold != 10 || few.TrailingLogs != 10 || few.SnapshotBytes != def.SnapshotBytes || few.TrailingBytes != def.TrailingBytes {
		t.Errorf("few entries lower the bounds by bytes: %+v", few)
	}
}

func TestOpenRefusesABadConfig(t *testing.T) {
	refused(t, newMember(t, "a", t.TempDir(), func(c *Config) { c.Backend = "tape" }), "raft_logstore.backend")
}
