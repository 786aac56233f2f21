package gossip

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast/cluster"
	"holdfast/cluster/durable"
	"holdfast/cluster/gossip/message"
)

// loadKeyring reads the keys that a member kept, the primary first; none where there is no file. The form is Consul's: a list of keys in
// base64.
func loadKeyring(path string) ([][]byte, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the gossip keyring: %w", err)
	}
	return decodeKeyring(path, b)
}

func decodeKeyring(path string, b []byte) ([][]byte, error) {
	var texts []string
	if err := json.Unmarshal(b, &texts); err != nil || len(texts) == 0 || len(texts) > message.MaxKeys {
		return nil, cluster.Errorf(cluster.Invalid, "the gossip keyring %s is damaged: want a list of 1 to %d keys in base64; remove it to begin with the key of encrypt", path, message.MaxKeys)
	}
	var keys [][]byte
	for _, s := range texts {
		key, err := base64.StdEncoding.DecodeString(s)
		if err == nil {
			err = checkKey(key)
		}
		if err != nil {
			return nil, cluster.Errorf(cluster.Invalid, "the gossip keyring %s is damaged: one of its keys is not 16, 24 or 32 bytes in base64; remove it to begin with the key of encrypt", path)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// saveKeyring replaces the file in one step. Only its owner may read it.
func saveKeyring(path string, keys [][]byte) error {
	if path == "" {
		return nil
	}
	var texts []string
	for _, key := range keys {
		texts = append(texts, base64.StdEncoding.EncodeToString(key))
	}
	b, err := json.MarshalIndent(texts, "", "  ")
	if err != nil {
		return err
	}
	if err := writeKeyring(path, append(b, '\n')); err != nil {
		return fmt.Errorf("keep the gossip keyring: %w", err)
	}
	return nil
}

func writeKeyring(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, b)
}
