package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"holdfast/cluster/durable"
)

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	for _, want := range []string{"one", "", "another, longer one"} {
		if err := durable.WriteFile(name, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("the file says %q, %v, want %q", b, err, want)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	onlyIn(t, dir, "file")
}

// TestWriteFileThatFails holds that what cannot be replaced stays, and that nothing is left beside it.
func TestWriteFileThatFails(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "taken")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(name, []byte("new")); err == nil {
		t.Error("a directory was replaced")
	}
	onlyIn(t, dir, "taken")
	if err := durable.WriteFile(filepath.Join(dir, "none", "file"), nil); err == nil {
		t.Error("a file was written to a directory that is not there")
	}
}

func onlyIn(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("the directory has %v, %v", entries, err)
	}
}
