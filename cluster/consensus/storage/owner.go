package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"holdfast/cluster"
)

// ownerKey holds, beside the vote, the format of the data and the node ID that it belongs to: "2 " and the ID. The format says where the
// log is. A data_dir keeps the one that it was made with, and a version that does not know it refuses the data_dir.
const (
	ownerKey   = "HoldfastOwner"
	formatBolt = "1" // the log is in raft.db too
	formatWAL  = "2" // the log is in the directory wal
)

// claim makes sure that the stores belong to this member, and takes them if they are new. A log or a vote of another member would let
// it vote twice, so nothing may be guessed here.
func (s *Storage) claim(c *Config) (format string, err error) {
	value, err := s.Stable.Get([]byte(ownerKey))
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return s.claimNew(c)
	}
	if err != nil {
		return "", fmt.Errorf("read the owner of %s: %w", c.DataDir, err)
	}
	format, id, ok := strings.Cut(string(value), " ")
	switch {
	case !ok || format != formatBolt && format != formatWAL:
		return "", cluster.Errorf(cluster.Invalid, "data_dir %q was written by a newer version of Holdfast (format %q): upgrade this agent", c.DataDir, format)
	case id != c.ID:
		return "", cluster.Errorf(cluster.Invalid, "data_dir %q belongs to the node ID %s and this agent is %s: give it the data_dir of its own, or an empty one", c.DataDir, id, c.ID)
	}
	return format, nil
}

func (s *Storage) claimNew(c *Config) (format string, err error) {
	foreign, err := s.HasState()
	switch {
	case err != nil:
		return "", fmt.Errorf("look for raft state in %s: %w", c.DataDir, err)
	case foreign:
		return "", cluster.Errorf(cluster.Invalid, "data_dir %q holds the raft state of another program, perhaps of Consul: give this agent an empty one", c.DataDir)
	}
	format = formatBolt
	if c.Backend != Bolt {
		format = formatWAL
		dir := filepath.Join(c.DataDir, subdir)
		if err := makeWALDir(dir, filepath.Join(dir, walDir)); err != nil {
			return "", err
		}
	}
	if err := s.Stable.Set([]byte(ownerKey), []byte(format+" "+c.ID)); err != nil {
		return "", fmt.Errorf("write the owner of %s: %w", c.DataDir, err)
	}
	return format, nil
}
