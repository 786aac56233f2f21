package identity

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

// Identity is who a data directory belongs to, kept in it as node.json.
type Identity struct {
	ID      string
	Name    string
	Cluster string `json:",omitempty"` // the cluster ID, once it is known
}

const identityFile = "node.json"

// Open answers who this member is: with the configured ID, else the one in the data directory, else a new one. A directory that belongs
// to another node is refused: two members with one history would vote twice.
func Open(dir, id, name string) (Identity, error) {
	have, err := readIdentity(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newIdentity(dir, id, name)
	case err != nil:
		return Identity{}, err
	}
	if have.Name != name {
		return Identity{}, cluster.Errorf(cluster.Invalid, "data_dir %s belongs to node %q, and this is node %q: use a data_dir of its own, or set node_name to %q",
			dir, have.Name, name, have.Name)
	}
	if id != "" && id != have.ID {
		return Identity{}, cluster.Errorf(cluster.Invalid, "data_dir %s belongs to node ID %s, and node_id is %s: use a data_dir of its own, or remove node_id", dir, have.ID, id)
	}
	return have, nil
}

func readIdentity(dir string) (Identity, error) {
	file := filepath.Join(dir, identityFile)
	b, err := os.ReadFile(file)
	if err != nil {
		return Identity{}, fmt.Errorf("cannot read %s: %w", file, err)
	}
	var have Identity
	if err := json.Unmarshal(b, &have); err != nil || have.ID == "" || (have.Cluster != "" && cluster.CheckClusterID(have.Cluster) != nil) {
		return Identity{}, cluster.Errorf(cluster.Invalid, "%s is damaged: restore it, or start with an empty data_dir", file)
	}
	return have, nil
}

// KeepCluster notes the cluster ID in a data directory that has none.
func KeepCluster(dir, id string) error {
	have, err := readIdentity(dir)
	if err != nil {
		return err
	}
	have.Cluster = id
	return writeIdentity(dir, have)
}

// Exists reports whether the data directory belongs to a node already.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, identityFile))
	return err == nil
}

func newIdentity(dir, id, name string) (Identity, error) {
	others := []string{"node-id"} // Consul has it from its first moment on
	if id == "" {
		others = append(others, "raft/raft.db") // ours is made after node.json; who has lost that one knows the ID of old, and says it
	}
	for _, file := range others {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return Identity{}, cluster.Errorf(cluster.Invalid, "data_dir %q has a %s and no %s: it belongs to another program, perhaps to Consul; give this agent an empty one", dir, file, identityFile)
		}
	}
	if id == "" {
		id = uuid.NewString()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Identity{}, fmt.Errorf("cannot make data_dir: %w", err)
	}
	who := Identity{ID: id, Name: name}
	return who, writeIdentity(dir, who)
}

func writeIdentity(dir string, who Identity) error {
	b, err := json.Marshal(who)
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, identityFile), b); err != nil {
		return fmt.Errorf("cannot write to data_dir %s: %w", dir, err)
	}
	return nil
}
