package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"holdfast/cluster"
	"holdfast/cluster/durable"
)

// identity is who a data directory belongs to, kept in it as node.json.
type identity struct {
	ID      string
	Name    string
	Cluster string `json:",omitempty"` // the cluster ID, once it is known
}

const identityFile = "node.json"

// identify answers who this member is: with the configured ID, else the one in the data directory, else a new one. A directory that belongs
// to another node is refused: two members with one history would vote twice.
func identify(dir, id, name string) (identity, error) {
	have, err := readIdentity(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newIdentity(dir, id, name)
	case err != nil:
		return identity{}, err
	}
	if have.Name != name {
		return identity{}, cluster.Errorf(cluster.Invalid, "data_dir %s belongs to node %q, and this is node %q: use a data_dir of its own, or set node_name to %q",
			dir, have.Name, name, have.Name)
	}
	if id != "" && id != have.ID {
		return identity{}, cluster.Errorf(cluster.Invalid, "data_dir %s belongs to node ID %s, and node_id is %s: use a data_dir of its own, or remove node_id", dir, have.ID, id)
	}
	return have, nil
}

func readIdentity(dir string) (identity, error) {
	file := filepath.Join(dir, identityFile)
	b, err := os.ReadFile(file)
	if err != nil {
		return identity{}, fmt.Errorf("cannot read %s: %w", file, err)
	}
	var have identity
	if err := json.Unmarshal(b, &have); err != nil || have.ID == "" || (have.Cluster != "" && cluster.CheckClusterID(have.Cluster) != nil) {
		return identity{}, cluster.Errorf(cluster.Invalid, "%s is damaged: restore it, or start with an empty data_dir", file)
	}
	return have, nil
}

// keepCluster notes the cluster ID in a data directory that has none.
func keepCluster(dir, id string) error {
	have, err := readIdentity(dir)
	if err != nil {
		return err
	}
	have.Cluster = id
	return writeIdentity(dir, have)
}

// hasIdentity reports whether the data directory belongs to a node already.
func hasIdentity(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, identityFile))
	return err == nil
}

func newIdentity(dir, id, name string) (identity, error) {
	if id == "" {
		id = uuid.NewString()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return identity{}, fmt.Errorf("cannot make data_dir: %w", err)
	}
	who := identity{ID: id, Name: name}
	return who, writeIdentity(dir, who)
}

func writeIdentity(dir string, who identity) error {
	b, err := json.Marshal(who)
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, identityFile), b); err != nil {
		return fmt.Errorf("cannot write to data_dir %s: %w", dir, err)
	}
	return nil
}
