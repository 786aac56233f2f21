package consensus

import (
	"errors"
	"fmt"
	"strings"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"holdfast/cluster"
)

// ownerKey holds, beside the vote, the format of the data and the node ID that it belongs to: "1 " and the ID.
const (
	ownerKey    = "HoldfastOwner"
	ownerFormat = "1"
)

// claim makes sure that the stores belong to this member, and takes them if they are new. A log or a vote of another member would let
// it vote twice, so nothing may be guessed here.
func (s *stores) claim(c *Config) error {
	value, err := s.stable.Get([]byte(ownerKey))
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return s.claimNew(c)
	}
	if err != nil {
		return fmt.Errorf("read the owner of %s: %w", c.DataDir, err)
	}
	format, id, ok := strings.Cut(string(value), " ")
	switch {
	case !ok || format != ownerFormat:
		return cluster.Errorf(cluster.Invalid, "data_dir %q was written by a newer version of Holdfast (format %q): upgrade this agent", c.DataDir, format)
	case id != c.ID:
		return cluster.Errorf(cluster.Invalid, "data_dir %q belongs to the node ID %s and this agent is %s: give it the data_dir of its own, or an empty one", c.DataDir, id, c.ID)
	}
	return nil
}

func (s *stores) claimNew(c *Config) error {
	foreign, err := s.hasState()
	switch {
	case err != nil:
		return fmt.Errorf("look for raft state in %s: %w", c.DataDir, err)
	case foreign:
		return cluster.Errorf(cluster.Invalid, "data_dir %q holds the raft state of another program, perhaps of Consul: give this agent an empty one", c.DataDir)
	}
	if err := s.stable.Set([]byte(ownerKey), []byte(ownerFormat+" "+c.ID)); err != nil {
		return fmt.Errorf("write the owner of %s: %w", c.DataDir, err)
	}
	return nil
}
