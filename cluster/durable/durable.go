// Package durable writes files that survive a crash and a loss of power: what was written is there, whole, or what was there before is.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile replaces a file in one step, or makes it, with mode 0600. When it returns, the new content survives a loss of power; where it fails,
// the old one stays.
func WriteFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the write has failed already
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// SyncDir makes the names in a directory survive a loss of power: what was made, renamed and removed there.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
