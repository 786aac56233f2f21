package consensus

import (
	"cmp"
	"math"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/consensus/backlog"
	"holdfast/cluster/consensus/storage"
)

// Config says who a peer is, where it keeps its data, and how patient it is.
type Config struct {
	ID      string // the node ID: who this member is in the peer set, for ever
	Name    string // the node name, for NewTerm
	Addr    string // the address at which the others reach this member, "10.0.0.1:8300"
	DataDir string // data_dir; the peer uses its subdirectory raft
	// Backend is how a new data_dir keeps its log, raft_logstore.backend: "boltdb", or "wal", which "" means too. An older one stays as it is.
	Backend     string
	SegmentSize int // bytes that the log "wal" takes from the disk at once

	// Lookup says where the members are now, by ID, as far as that is known. It goes before the addresses in the peer set, so that members whose
	// addresses have all changed at once find one another. It may be nil.
	Lookup func() (addrs map[string]string)

	HeartbeatTimeout   time.Duration // a follower that hears nothing for this long asks for an election
	ElectionTimeout    time.Duration // a candidate that is not elected for this long asks again
	LeaderLeaseTimeout time.Duration // a leader that no majority answers for this long steps down
	CommitTimeout      time.Duration // at rest, a follower hears of the commit index this often from raft itself (see tell.go)
	DialTimeout        time.Duration // a connection that takes longer to open is given up
	IOTimeout          time.Duration // a message that takes longer to send and be answered is given up
	Promised           time.Duration // the longest heartbeat timeout, stretched, that an earlier process of this member can have had
	Multiplier         int           // stretches the timeouts above, for slow machines; 0 means 1

	SnapshotThreshold uint64        // entries after the last snapshot that make the next one due
	SnapshotInterval  time.Duration // how often that is looked at
	SnapshotBytes     uint64        // so do entries that take this much, or half of the snapshot, and at once
	TrailingLogs      uint64        // entries kept at the end of the log, for followers that lag, though a snapshot has them
	TrailingBytes     uint64        // what those may take
	MaxAppendEntries  int           // entries in one message, and in one write to the disk
}

// DefaultConfig is what suits a few machines in one place: a new leader within a second of losing the old one.
func DefaultConfig() Config {
	return Config{
		HeartbeatTimeout:   300 * time.Millisecond,
		ElectionTimeout:    300 * time.Millisecond,
		LeaderLeaseTimeout: 300 * time.Millisecond,
		CommitTimeout:      time.Second,
		DialTimeout:        500 * time.Millisecond,
		IOTimeout:          10 * time.Second,
		SnapshotThreshold:  8192,
		SnapshotInterval:   30 * time.Second,
		SnapshotBytes:      32 << 20,
		TrailingLogs:       10240,
		TrailingBytes:      10240 * 400,
		MaxAppendEntries:   128,
		SegmentSize:        8 << 20,
	}
}

// Snapshots is what operators may tune of how often the state is written and how much of the log stays; 0 means the default.
type Snapshots struct {
	Threshold uint64        // SnapshotThreshold
	Interval  time.Duration // SnapshotInterval
	Trailing  uint64        // TrailingLogs
}

// Tune takes up s. The bounds by bytes rise with those by entries: who wants less to be written has more log on the disk.
func (c *Config) Tune(s Snapshots) {
	c.SnapshotInterval = cmp.Or(s.Interval, c.SnapshotInterval)
	if s.Threshold > 0 {
		c.SnapshotBytes = max(c.SnapshotBytes, c.SnapshotBytes/c.SnapshotThreshold*s.Threshold)
		c.SnapshotThreshold = s.Threshold
	}
	if s.Trailing > 0 {
		c.TrailingBytes = max(c.TrailingBytes, c.TrailingBytes/c.TrailingLogs*s.Trailing)
		c.TrailingLogs = s.Trailing
	}
}

// Validate says in one sentence what is wrong with the configuration, or returns nil.
func (c *Config) Validate() error {
	kept := c.storage()
	if err := kept.Validate(); err != nil {
		return err
	}
	switch {
	case c.ID == "":
		return cluster.Errorf(cluster.Invalid, "the node ID is empty")
	case c.Name == "":
		return cluster.Errorf(cluster.Invalid, "the node name is empty")
	case c.Addr == "":
		return cluster.Errorf(cluster.Invalid, "the advertised RPC address is empty")
	case c.Multiplier < 0 || c.Multiplier > 10:
		return cluster.Errorf(cluster.Invalid, "raft_multiplier is %d: want 1 to 10", c.Multiplier)
	case c.ElectionTimeout < c.HeartbeatTimeout || c.HeartbeatTimeout < c.LeaderLeaseTimeout:
		return cluster.Errorf(cluster.Invalid, "raft's election timeout %s must not be below its heartbeat timeout %s, nor that below its lease timeout %s",
			c.ElectionTimeout, c.HeartbeatTimeout, c.LeaderLeaseTimeout)
	case c.DialTimeout <= 0 || c.IOTimeout <= 0:
		return cluster.Errorf(cluster.Invalid, "raft's dial timeout %s and I/O timeout %s must be above 0", c.DialTimeout, c.IOTimeout)
	}
	if err := raft.ValidateConfig(c.raft()); err != nil {
		return cluster.Errorf(cluster.Invalid, "the raft settings do not fit: %v", err)
	}
	return nil
}

// storage is where this member keeps its data.
func (c *Config) storage() storage.Config {
	return storage.Config{
		DataDir: c.DataDir, ID: c.ID, Backend: c.Backend, SegmentSize: c.SegmentSize,
		Keep: storage.Keep{Entries: c.TrailingLogs, Bytes: c.TrailingBytes, Spared: c.SnapshotBytes},
	}
}

func (c *Config) backlog() backlog.Config {
	return backlog.Config{Entries: c.SnapshotThreshold, Interval: c.SnapshotInterval, Bytes: c.SnapshotBytes}
}

// held is for how long a member that is started again takes part in no election.
func (c *Config) held() time.Duration { return max(c.stretched(c.HeartbeatTimeout), c.Promised) }

// stretched is d times the multiplier.
func (c *Config) stretched(d time.Duration) time.Duration {
	return d * time.Duration(max(1, c.Multiplier))
}

// raft is the configuration in raft's own words, the logger aside.
func (c *Config) raft() *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.ID)
	r.HeartbeatTimeout = c.stretched(c.HeartbeatTimeout)
	r.ElectionTimeout = c.stretched(c.ElectionTimeout)
	r.LeaderLeaseTimeout = c.stretched(c.LeaderLeaseTimeout)
	r.CommitTimeout = c.stretched(c.CommitTimeout)
	r.SnapshotThreshold = math.MaxUint64 // backlog says when a snapshot is due
	r.SnapshotInterval = c.SnapshotInterval
	r.TrailingLogs = 1 // storage.Keep says how many; that some follow tells it a compaction from other deletions
	r.MaxAppendEntries = c.MaxAppendEntries
	r.BatchApplyCh = true      // it holds what a queue sends off at once
	r.ShutdownOnRemove = false // a member that is removed may be added again
	r.NoLegacyTelemetry = true
	return r
}
